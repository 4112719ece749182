import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

/** In the clone, hence on its disk, and ignored by git and linters. */
const BASE = join(import.meta.dirname, '../../node_modules/.cache')
const SPARE_BYTES = 2 * 2 ** 30

/** Gives `work` an empty folder on the clone's disk and removes it afterwards; refuses when `bytes` wouldn't fit. */
export async function inWorkspace<T>(bytes: number, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(BASE, { recursive: true })
  const { bavail, bsize } = await statfs(BASE)
  const free = bavail * bsize
  if (free < bytes + SPARE_BYTES)
    throw new Error(
      `this needs ${gigabytes(bytes + SPARE_BYTES)} of free disk at ${BASE} and there are ${gigabytes(free)}: free some or ` +
        'choose a smaller --big',
    )
  const folder = await mkdtemp(join(BASE, 'allmend-bench-'))
  // Also where the bench is stopped.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', remove)
  try {
    return await work(folder)
  } finally {
    process.off('exit', remove)
    await rm(folder, { recursive: true, force: true })
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
