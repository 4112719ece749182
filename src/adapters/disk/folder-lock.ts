/**
 * A folder belongs to one process at a time. The lock is the operating system's own (fcntl, LockFileEx), taken by SQLite
 * on a file of its own, so that the kernel frees it at any death and nothing stale can remain. The file stays empty;
 * it must never be removed while the folder is in use. Network file systems without working locks aren't supported.
 */
import * as path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FolderError } from '../../core/open/errors.ts'

const LOCK_FILE = 'lock'

/** A lock that its holder only waits on would be collected, and with that freed. */
const held = new Set<DatabaseSync>()

export interface FolderLock {
  release(): void
}

/** Takes the folder for this process; FolderError when another one (or another opener in this one) has it. */
export function lockFolder(folder: string): FolderLock {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path.join(folder, LOCK_FILE), { timeout: 0 })
    // Without the journal in memory, a journal file would be left by every kill.
    database.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    throw new FolderError(`the folder ${folder} is in use by another process`, { folder }, { cause })
  }
  const mine = database
  held.add(mine)
  return {
    release() {
      if (held.delete(mine)) mine.close()
    },
  }
}
