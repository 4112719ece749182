/**
 * A home's cache in one SQLite file, opened when it is first used. Invariant: `totals` is what `records` and `names` add up to, changed with
 * them in one transaction. Record numbers rise for ever: the lowest is what was put longest ago.
 */
import { rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { AllmendError, FolderError, UntrustedError } from '../../core/open/errors.ts'
import type { CacheRecord, CacheUsage, ReadCache } from '../../ports/read-cache.ts'
import { CACHE_NAME_BYTES, MAX_CACHE_BYTES, recordBytes } from '../../ports/read-cache.ts'
import type { DatabaseFormat } from './database.ts'
import { openDatabase, query } from './database.ts'
import { transaction } from './transaction.ts'

/** Other commands of the home write for milliseconds at a time. "AMRC". */
const READ_CACHE_DATABASE: DatabaseFormat = {
  what: "a home's cache",
  applicationId: 0x414d_5243,
  version: 1,
  schema: `
    CREATE TABLE records (n INTEGER PRIMARY KEY AUTOINCREMENT, names INTEGER NOT NULL, value BLOB NOT NULL) STRICT;
    CREATE TABLE names (name BLOB PRIMARY KEY, record INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX names_by_record ON names (record);
    CREATE TABLE totals (n INTEGER PRIMARY KEY CHECK (n = 0), records INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO totals VALUES (0, 0, 0);
  `,
  cacheKib: 4 * 1024,
  durability: 'process',
  shareMs: 2_000,
}

export class SqliteReadCache implements ReadCache {
  readonly #path: string
  readonly #maxBytes: number
  #tables: Tables | undefined

  constructor(path: string, maxBytes: number = MAX_CACHE_BYTES) {
    this.#path = path
    this.#maxBytes = maxBytes
  }

  async get(name: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read((tables) => tables.value(name))
  }

  async put(records: readonly CacheRecord[]): Promise<void> {
    const kept = records.filter((record) => recordBytes(record) <= this.#maxBytes)
    if (kept.length === 0) return
    try {
      this.#write(kept)
    } catch (error) {
      if (!(error instanceof FolderError) || error instanceof UnusableFile) throw error
      this.#remove()
      this.#write(kept)
    }
  }

  async usage(): Promise<CacheUsage> {
    return { ...this.#read((tables) => tables.totals()), maxBytes: this.#maxBytes }
  }

  async close(): Promise<void> {
    this.#tables?.close()
    this.#tables = undefined
  }

  #read<T>(work: (tables: Tables) => T): T {
    try {
      return this.#use(work)
    } catch (cause) {
      if (!(cause instanceof FolderError) || cause instanceof UnusableFile) throw cause
      const why = `what this home had kept of the pool is damaged (${cause.message})`
      throw new UntrustedError(why, { path: this.#path }, { cause })
    }
  }

  #write(records: readonly CacheRecord[]): void {
    this.#use((tables) => tables.put(records, this.#maxBytes))
  }

  #use<T>(work: (tables: Tables) => T): T {
    try {
      this.#tables ??= new Tables(openDatabase(this.#path, READ_CACHE_DATABASE))
      return work(this.#tables)
    } catch (error) {
      // What the disk or the folder's rights are to blame for; the rest is typed already, or a bug.
      if (error instanceof AllmendError || !(error instanceof Error && 'errcode' in error)) throw error
      throw new UnusableFile(
        `the file of this home's cache can't be used: ${error.message}`,
        { path: this.#path },
        { cause: error },
      )
    }
  }

  /** Other processes go on with the file that they have open, which is nobody's any more. */
  #remove(): void {
    this.#tables?.close()
    this.#tables = undefined
    try {
      for (const ending of ['', '-wal', '-shm']) rmSync(this.#path + ending, { force: true })
    } catch (cause) {
      throw new UnusableFile(
        "this home's cache is damaged and can't be removed",
        { path: this.#path },
        { cause },
      )
    }
  }
}

/** Not damaged: beginning anew would not help. */
class UnusableFile extends FolderError {}

class Tables {
  readonly #db: DatabaseSync
  readonly value
  readonly totals
  readonly #put
  readonly #trim

  constructor(db: DatabaseSync) {
    this.#db = db
    const value = query<{ value: Uint8Array }>(
      db,
      'SELECT value FROM names JOIN records ON records.n = names.record WHERE name = ?',
    )
    const totals = query<{ records: number; bytes: number }>(db, 'SELECT records, bytes FROM totals')
    const count = query(db, 'UPDATE totals SET records = records + ?, bytes = bytes + ?')
    const holder = query<{ record: number }>(db, 'SELECT record FROM names WHERE name = ?')
    const size = query<{ names: number; bytes: number }>(
      db,
      'SELECT names, length(value) AS bytes FROM records WHERE n = ?',
    )
    const lessNames = query(db, 'UPDATE records SET names = names - 1 WHERE n = ?')
    const add = query<{ n: number }>(db, 'INSERT INTO records (names, value) VALUES (?, ?) RETURNING n')
    const name = query(
      db,
      'INSERT INTO names (name, record) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record',
    )
    const oldest = query<{ n: number }>(db, 'SELECT n FROM records ORDER BY n LIMIT 1')
    const dropNames = query(db, 'DELETE FROM names WHERE record = ?')
    const drop = query(db, 'DELETE FROM records WHERE n = ?')

    const remove = (n: number): void => {
      const { names, bytes } = size.get(n)!
      dropNames.run(n)
      drop.run(n)
      count.run(-1, -bytes - names * CACHE_NAME_BYTES)
    }
    this.value = (key: Uint8Array) => value.get(key)?.value
    this.totals = () => totals.get() ?? { records: 0, bytes: 0 }
    this.#put = (record: CacheRecord): void => {
      const names = [...new Map(record.names.map((key) => [key.join(), key])).values()]
      const { n } = add.get(names.length, record.value)!
      count.run(1, recordBytes({ names, value: record.value }))
      for (const key of names) {
        const before = holder.get(key)?.record
        name.run(key, n)
        if (before === undefined) continue
        lessNames.run(before)
        count.run(0, -CACHE_NAME_BYTES)
        if (size.get(before)?.names === 0) remove(before)
      }
    }
    this.#trim = (maxBytes: number): void => {
      while (this.totals().bytes > maxBytes) remove(oldest.get()!.n)
    }
  }

  put(records: readonly CacheRecord[], maxBytes: number): void {
    transaction(this.#db, () => {
      for (const record of records) this.#put(record)
      this.#trim(maxBytes)
    })
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }
}
