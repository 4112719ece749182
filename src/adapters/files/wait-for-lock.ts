import { setTimeout as delay } from 'node:timers/promises'
import { FolderError } from '../../core/open/errors.ts'
import type { FolderLock } from '../disk/folder-lock.ts'
import { lockFolder } from '../disk/folder-lock.ts'

/** The system's lock wakes nobody, so it is tried again: often at first, for most are held for milliseconds. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 200

/** Takes the folder's lock, waiting at most `waitMs` for another holder; then throws FolderError. */
export async function waitForLock(folder: string, waitMs: number): Promise<FolderLock> {
  const end = performance.now() + waitMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return lockFolder(folder)
    } catch (error) {
      if (!(error instanceof FolderError) || performance.now() + pause > end) throw error
    }
    await delay(pause)
  }
}
