import * as fs from 'node:fs'
import { FolderError, InternalError } from '../../core/open/errors.ts'
import { waitForLock } from '../../adapters/files/wait-for-lock.ts'
import { endOrphans } from './end-orphans.ts'
import { poolLayout } from './pool-layout.ts'
import { waitForExit } from './process-alive.ts'
import { readRunFile } from './run-file.ts'

/** Roles have 10 s, providers before the tracker. */
const STOP_MS = 30_000

/** Stops the pool of a folder and waits until it has; returns its supervisor's process id, or undefined when none ran. */
export async function stopPool(dir: string): Promise<number | undefined> {
  const layout = poolLayout(dir)
  if (!fs.existsSync(layout.run)) return undefined
  if (await isFree(layout.run, 0)) {
    await endOrphans(layout)
    return undefined
  }
  // The lock is held, so the process that wrote the file lives.
  const { supervisor } = await readRunFile(layout.run)
  if (supervisor === undefined)
    throw new InternalError(`a pool is just starting in ${dir}: try again in a moment`, { dir })
  process.kill(supervisor, 'SIGTERM')
  if (!(await isFree(layout.run, STOP_MS)))
    throw new InternalError(`the pool in ${dir} doesn't stop (process ${supervisor})`, {
      dir,
      pid: supervisor,
    })
  await waitForExit(supervisor, STOP_MS)
  return supervisor
}

async function isFree(folder: string, waitMs: number): Promise<boolean> {
  try {
    const lock = await waitForLock(folder, waitMs)
    lock.release()
    return true
  } catch (error) {
    if (error instanceof FolderError) return false
    throw error
  }
}
