/**
 * Invariants: a job is a folder `<hex of job>` with its `log` and a `lock`; who makes or removes such a folder holds the
 * journal's own lock meanwhile, so that nobody can hold the lock file of a folder that is gone.
 */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { toHex } from '../../core/open/bytes.ts'
import { ConflictError, FolderError } from '../../core/open/errors.ts'
import type { JournalJob, PutJournal } from '../../ports/put-journal.ts'
import type { FolderLock } from '../disk/folder-lock.ts'
import { lockFolder } from '../disk/folder-lock.ts'
import { errnoOf } from '../disk/disk-error.ts'
import { fileError } from './file-error.ts'
import { NodeJournalJob } from './journal-job.ts'
import { waitForLock } from './wait-for-lock.ts'

const LOG_FILE = 'log'
/** The journal's own lock is held while a folder is made or removed. */
const OWN_LOCK_WAIT_MS = 10_000
/** Stripes that weren't committed are given up after their lease of a day; older plans only cost space. */
const MAX_AGE_MS = 30 * 24 * 3_600_000

export class NodePutJournal implements PutJournal {
  readonly #folder: string

  /** `folder` must exist and belong to this journal alone. */
  constructor(folder: string) {
    this.#folder = folder
  }

  open(job: Uint8Array): Promise<JournalJob> {
    const folder = path.join(this.#folder, toHex(job))
    return this.#alone(async () => {
      await this.#removeOld()
      await fs.mkdir(folder, { recursive: true, mode: 0o700 })
      const lock = lockJob(folder)
      try {
        return new NodeJournalJob(path.join(folder, LOG_FILE), lock, (held) => this.#remove(folder, held))
      } catch (error) {
        lock.release()
        throw error
      }
    })
  }

  #remove(folder: string, lock: FolderLock): Promise<void> {
    return this.#alone(async () => {
      lock.release()
      await fs.rm(folder, { recursive: true, force: true })
    })
  }

  async #removeOld(): Promise<void> {
    const oldest = Date.now() - MAX_AGE_MS
    for (const entry of await fs.readdir(this.#folder, { withFileTypes: true })) {
      const folder = path.join(this.#folder, entry.name)
      if (!entry.isDirectory() || (await modified(path.join(folder, LOG_FILE))) >= oldest) continue
      try {
        lockFolder(folder).release()
      } catch (error) {
        if (error instanceof FolderError) continue
        throw error
      }
      await fs.rm(folder, { recursive: true, force: true })
    }
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    try {
      const lock = await waitForLock(this.#folder, OWN_LOCK_WAIT_MS)
      try {
        return await work()
      } finally {
        lock.release()
      }
    } catch (error) {
      throw fileError(this.#folder, error)
    }
  }
}

function lockJob(folder: string): FolderLock {
  try {
    return lockFolder(folder)
  } catch (cause) {
    if (!(cause instanceof FolderError)) throw cause
    throw new ConflictError('another command is putting the same files to the same place', {}, { cause })
  }
}

async function modified(file: string): Promise<number> {
  try {
    return (await fs.stat(file)).mtimeMs
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
}
