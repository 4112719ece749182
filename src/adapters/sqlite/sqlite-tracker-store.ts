import type { TrackerStore, TrackerWriter } from '../../ports/tracker-store.ts'
import { openDatabase } from './database.ts'
import { logStorageTables } from './log-storage-tables.ts'
import { logTables } from './log-tables.ts'
import { memberTables } from './member-tables.ts'
import { providerTables } from './provider-tables.ts'
import { rowNumbers } from './row-numbers.ts'
import { TRACKER_DATABASE } from './schema.ts'
import { spaceTables } from './space-tables.ts'
import { stripeTables } from './stripe-tables.ts'
import { transaction } from './transaction.ts'

/** Opens (or makes) the tracker's store in one SQLite file; throws FolderError when it can't be ours alone. */
export function openSqliteTrackerStore(path: string): TrackerStore {
  const db = openDatabase(path, TRACKER_DATABASE)
  const spaces = rowNumbers(db, 'spaces')
  const providers = rowNumbers(db, 'providers')
  const tables: TrackerWriter = {
    log: logTables(db),
    proofs: logStorageTables(db),
    members: memberTables(db),
    providers: providerTables(db),
    spaces: spaceTables(db, spaces),
    stripes: stripeTables(db, spaces, providers),
  }

  function forget(): void {
    spaces.forget()
    providers.forget()
  }

  return {
    // One connection, synchronous work: nothing can change between two statements.
    read: (work) => work(tables),
    write: (work) => transaction(db, () => work(tables), forget),
    close() {
      if (db.isOpen) db.close()
    },
  }
}
