import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const CLONE = join(import.meta.dirname, '../..')
/** The last commit without log, map and witnesses: what they cost is told against it. */
const BEFORE = 'aff5361ed457'
const MAX_ARCHIVE_BYTES = 256 * 2 ** 20

/**
 * Gives `work` the launcher of the product as it was before there was a log, with this clone's packages; undefined where this clone
 * lacks that commit. Outside of node_modules, where Node strips no types.
 */
export async function withProductBeforeLog<T>(
  work: (launcher: string | undefined) => Promise<T>,
): Promise<T> {
  const isKnown = await run('git', ['cat-file', '-e', `${BEFORE}^{commit}`], { cwd: CLONE }).then(
    () => true,
    () => false,
  )
  if (!isKnown) return work(undefined)
  const folder = await mkdtemp(join(tmpdir(), 'allmend-before-log-'))
  try {
    const archive = join(folder, 'archive.tar')
    await run('git', ['archive', '--output', archive, BEFORE], { cwd: CLONE, maxBuffer: MAX_ARCHIVE_BYTES })
    await run('tar', ['-xf', archive, '-C', folder])
    await symlink(join(CLONE, 'node_modules'), join(folder, 'node_modules'))
    await run(process.execPath, ['scripts/build-kernels.ts'], { cwd: folder })
    return await work(join(folder, 'bin/allmend.js'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
