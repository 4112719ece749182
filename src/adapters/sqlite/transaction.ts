import type { DatabaseSync } from 'node:sqlite'
import { InternalError } from '../../core/open/errors.ts'
import { typed } from './database.ts'

/** Runs work in a transaction of its own: all of it is as durable as the database's format says when this returns, none of it when the work throws. */
export function transaction<T>(db: DatabaseSync, work: () => T, undone?: () => void): T {
  if (db.isTransaction) throw new InternalError('transactions do not nest')
  typed(() => db.exec('BEGIN IMMEDIATE'))
  try {
    const result = work()
    typed(() => db.exec('COMMIT'))
    return result
  } catch (error) {
    // SQLite has rolled back by itself after some errors, such as a full disk.
    if (db.isTransaction) db.exec('ROLLBACK')
    undone?.()
    throw error
  }
}
