import type { LogStore } from '../../ports/log-store.ts'
import { openDatabase } from './database.ts'
import { LOG_DATABASE } from './log-schema.ts'
import { logStorageTables } from './log-storage-tables.ts'
import { transaction } from './transaction.ts'

/** Opens (or makes) a log store in one SQLite file; throws FolderError when it can't be ours alone. */
export function openSqliteLogStore(path: string): LogStore {
  const db = openDatabase(path, LOG_DATABASE)
  const tables = logStorageTables(db)
  return {
    // One connection, synchronous work: nothing can change between two statements.
    read: (work) => work(tables),
    write: (work) => transaction(db, () => work(tables)),
    close() {
      if (db.isOpen) db.close()
    },
  }
}
