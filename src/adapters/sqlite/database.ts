import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { BusyError, CapacityError, ConflictError, FolderError } from '../../core/open/errors.ts'

/** What kind of file a database is: its tables, made when it is new, and how it is told from others. */
export interface DatabaseFormat {
  /** For people: "a tracker". */
  readonly what: string
  /** SQLite's application_id and user_version. */
  readonly applicationId: number
  readonly version: number
  readonly schema: string
  /** Page cache, KiB. */
  readonly cacheKib?: number
  /** What a commit survives: the end of the process alone, or (by default) the machine's power too. */
  readonly durability?: 'process' | 'power'
  /** How long to wait for other processes that have it open as well, ms; without it nobody else may. */
  readonly shareMs?: number
  /** What makes this version of a file of that one, for those that can be taken over. */
  readonly upgrades?: Readonly<Record<number, string>>
}

/** SQLite's primary result codes. */
const BUSY = 5
const CORRUPT = 11
const FULL = 13
const CONSTRAINT = 19
const NOT_A_DATABASE = 26

/** Page cache where a format names none, KiB: the inner pages of the indices of a few million rows. */
const CACHE_KIB = 32 * 1024

/** A prepared statement whose rows have the shape that its SQL names. */
export interface Query<Row> {
  get(...values: SQLInputValue[]): Row | undefined
  all(...values: SQLInputValue[]): Row[]
  /** Rows changed. */
  run(...values: SQLInputValue[]): number
}

/** Prepares a statement; `Row` is what its columns are. */
export function query<Row = never>(db: DatabaseSync, sql: string): Query<Row> {
  const statement: StatementSync = db.prepare(sql)
  return {
    get: (...values) => typed(() => statement.get(...values)) as Row | undefined,
    all: (...values) => typed(() => statement.all(...values)) as Row[],
    run: (...values) => Number(typed(() => statement.run(...values)).changes),
  }
}

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  // The low byte is the primary code of an extended one.
  return error.errcode & 255
}

/** Runs a step and gives SQLite's errors our types; those that only a bug explains pass as they are. */
export function typed<T>(step: () => T): T {
  try {
    return step()
  } catch (error) {
    const code = codeOf(error)
    if (code === CONSTRAINT) throw new ConflictError('this exists already', {}, { cause: error })
    if (code === FULL) throw new CapacityError('the disk is full', {}, { cause: error })
    if (code === BUSY) throw new BusyError('another process has this database', {}, { cause: error })
    if (code === CORRUPT || code === NOT_A_DATABASE)
      throw new FolderError('this database is damaged', {}, { cause: error })
    throw error
  }
}

/**
 * Opens the database, for this process alone unless its format says otherwise. The write-ahead log with synchronous=FULL is fsynced by
 * every commit before it returns, with NORMAL never before it is taken over. Throws FolderError when another process has it, it is not
 * ours, or of another version.
 */
export function openDatabase(path: string, format: DatabaseFormat): DatabaseSync {
  const { what, durability = 'power', shareMs } = format
  const db = new DatabaseSync(path, { timeout: shareMs ?? 0 })
  try {
    db.exec(
      `PRAGMA locking_mode = ${shareMs === undefined ? 'EXCLUSIVE' : 'NORMAL'}; PRAGMA journal_mode = WAL;
       PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'};
       PRAGMA cache_size = -${format.cacheKib ?? CACHE_KIB}; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE`,
    )
    const number = (pragma: string) => Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
    const application = number('application_id')
    const version = number('user_version')
    if (application === 0 && version === 0 && number('schema_version') === 0)
      db.exec(
        `${format.schema}; PRAGMA application_id = ${format.applicationId}; PRAGMA user_version = ${format.version}`,
      )
    else if (application !== format.applicationId)
      throw new FolderError(`this is not the database of ${what}`, { path })
    else if (format.upgrades?.[version] !== undefined)
      db.exec(`${format.upgrades[version]}; PRAGMA user_version = ${format.version}`)
    else if (version !== format.version)
      throw new FolderError(
        `the database of ${what} has version ${version}, this program knows ${format.version}`,
        {
          path,
          version,
        },
      )
    db.exec('COMMIT')
    return db
  } catch (error) {
    db.close()
    const code = codeOf(error)
    if (code === BUSY)
      throw new FolderError(`another process has this folder of ${what} open`, { path }, { cause: error })
    if (code === CORRUPT || code === NOT_A_DATABASE)
      throw new FolderError(
        `this is not the database of ${what}, or it is damaged`,
        { path },
        { cause: error },
      )
    throw error
  }
}
