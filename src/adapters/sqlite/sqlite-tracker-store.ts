import { InternalError } from '../../core/open/errors.ts'
import type { TrackerStore, TrackerWriter } from '../../ports/tracker-store.ts'
import { openDatabase, typed } from './database.ts'
import { logTables } from './log-tables.ts'
import { memberTables } from './member-tables.ts'
import { providerTables } from './provider-tables.ts'
import { rowNumbers } from './row-numbers.ts'
import { spaceTables } from './space-tables.ts'
import { stripeTables } from './stripe-tables.ts'

/** Opens (or makes) the tracker's store in one SQLite file; throws FolderError when it can't be ours alone. */
export function openSqliteTrackerStore(path: string): TrackerStore {
  const db = openDatabase(path)
  const spaces = rowNumbers(db, 'spaces')
  const providers = rowNumbers(db, 'providers')
  const tables: TrackerWriter = {
    log: logTables(db),
    members: memberTables(db),
    providers: providerTables(db),
    spaces: spaceTables(db, spaces),
    stripes: stripeTables(db, spaces, providers),
  }

  function undo(): void {
    // SQLite has rolled back by itself after some errors, such as a full disk.
    if (db.isTransaction) db.exec('ROLLBACK')
    spaces.forget()
    providers.forget()
  }

  return {
    // One connection, synchronous work: nothing can change between two statements.
    read: (work) => work(tables),
    write(work) {
      if (db.isTransaction) throw new InternalError('transactions do not nest')
      typed(() => db.exec('BEGIN IMMEDIATE'))
      try {
        const result = work(tables)
        typed(() => db.exec('COMMIT'))
        return result
      } catch (error) {
        undo()
        throw error
      }
    },
    close() {
      if (db.isOpen) db.close()
    },
  }
}
