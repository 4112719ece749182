import type { DatabaseSync } from 'node:sqlite'
import { toHex } from '../../core/open/bytes.ts'
import { query } from './database.ts'

/** Ids and row numbers of one table: 32-byte ids in every row of every index would double the database. */
export interface RowNumbers {
  /** The row number of this id; undefined when there is no such row. */
  of(id: Uint8Array): number | undefined
}

/** Numbers don't change once given, but a rollback takes new ones back: `forget` them. */
const MAX_REMEMBERED = 4_096

/** Row numbers of `table` by its column `id`, cached. Rows of the table must never be removed. */
export function rowNumbers(db: DatabaseSync, table: 'spaces' | 'providers'): RowNumbers & { forget(): void } {
  const find = query<{ n: number }>(db, `SELECT n FROM ${table} WHERE id = ?`)
  const known = new Map<string, number>()
  return {
    of(id) {
      const key = toHex(id)
      const cached = known.get(key)
      if (cached !== undefined) return cached
      const n = find.get(id)?.n
      if (n === undefined) return undefined
      if (known.size >= MAX_REMEMBERED) known.clear()
      known.set(key, n)
      return n
    },
    forget: () => known.clear(),
  }
}
