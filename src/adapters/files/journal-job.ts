import * as fs from 'node:fs'
import type { JournalJob, PlannedStripe } from '../../ports/put-journal.ts'
import { concatBytes, toHex } from '../../core/open/bytes.ts'
import { InternalError } from '../../core/open/errors.ts'
import type { FolderLock } from '../disk/folder-lock.ts'
import { fileError } from './file-error.ts'
import type { JournalRecord } from './journal-record.ts'
import { decodeJournal, encodeJournalRecord, splitIds } from './journal-record.ts'

/** Files told of in one record. */
const MAX_FILES_PER_RECORD = 4_096

/** A job's open journal. Records are handed to the system at once, so that they outlive a kill of this process. */
export class NodeJournalJob implements JournalJob {
  readonly #file: string
  readonly #fd: number
  readonly #lock: FolderLock
  readonly #remove: (lock: FolderLock) => Promise<void>
  readonly #planned = new Map<string, PlannedStripe>()
  readonly #committed = new Map<string, string>()
  #open = true

  /** `remove` deletes the job's records and gives up the lock. */
  constructor(file: string, lock: FolderLock, remove: (lock: FolderLock) => Promise<void>) {
    this.#file = file
    this.#lock = lock
    this.#remove = remove
    try {
      this.#fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
    } catch (error) {
      throw fileError(file, error)
    }
    try {
      const { records, end } = decodeJournal(fs.readFileSync(this.#fd))
      fs.ftruncateSync(this.#fd, end)
      this.#at = end
      for (const record of records) this.#apply(record)
    } catch (error) {
      fs.closeSync(this.#fd)
      throw fileError(file, error)
    }
  }

  #at = 0

  get planned(): readonly PlannedStripe[] {
    return [...this.#planned.values()]
  }

  get committed(): ReadonlyMap<string, string> {
    return this.#committed
  }

  planStripe(plan: PlannedStripe): void {
    this.#append({ plan: [plan.stripe, plan.shards.map((blobs) => concatBytes(...blobs))] })
  }

  sealStripe(stripe: Uint8Array): void {
    this.#append({ seal: stripe })
  }

  commitFiles(files: readonly { readonly path: string; readonly fingerprint: string }[]): void {
    for (let at = 0; at < files.length; at += MAX_FILES_PER_RECORD)
      this.#append({
        commit: files.slice(at, at + MAX_FILES_PER_RECORD).map((file) => [file.path, file.fingerprint]),
      })
  }

  async finish(): Promise<void> {
    this.#end()
    await this.#remove(this.#lock)
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#end()
    this.#lock.release()
  }

  #end(): void {
    this.#open = false
    fs.closeSync(this.#fd)
  }

  #append(record: JournalRecord): void {
    if (!this.#open) throw new InternalError('the journal of this put is closed')
    const bytes = encodeJournalRecord(record)
    try {
      for (let done = 0; done < bytes.length;)
        done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, this.#at + done)
    } catch (error) {
      throw fileError(this.#file, error)
    }
    this.#at += bytes.length
    this.#apply(record)
  }

  #apply({ plan, seal, commit }: JournalRecord): void {
    if (plan !== undefined) {
      const shards = plan[1].map((run) => splitIds(run))
      if (shards.every((blobs) => blobs !== undefined))
        this.#planned.set(toHex(plan[0]), { stripe: plan[0], shards })
    }
    if (seal !== undefined) this.#planned.delete(toHex(seal))
    for (const [path, fingerprint] of commit ?? []) this.#committed.set(path, fingerprint)
  }
}
