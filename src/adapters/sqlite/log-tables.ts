import type { DatabaseSync } from 'node:sqlite'
import type { Entry, EntryKind, LogWriter } from '../../ports/tracker-store-log.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import { query } from './database.ts'

/** Row ids of changes: entry * this + place; as many as an operation may have. */
const CHANGES_PER_ENTRY = 4_096

/** The entries and changes, append-only. */
export function logTables(db: DatabaseSync): LogWriter {
  const newest = query<{ idx: number; time: number }>(
    db,
    'SELECT idx, time FROM entries ORDER BY idx DESC LIMIT 1',
  )
  const byIndex = query<{ kind: number; time: number; body: Uint8Array; signatures: Uint8Array }>(
    db,
    'SELECT kind, time, body, signatures FROM entries WHERE idx = ?',
  )
  const count = query<{ changes: number }>(db, 'SELECT changes FROM entries WHERE idx = ?')
  const byOperation = query<{ idx: number }>(db, 'SELECT idx FROM entries WHERE operation = ?')
  const change = query<{ bytes: Uint8Array }>(db, 'SELECT bytes FROM changes WHERE at = ?')
  const changes = query<{ bytes: Uint8Array }>(
    db,
    'SELECT bytes FROM changes WHERE at >= ? AND at < ? ORDER BY at',
  )
  const insert = query(
    db,
    'INSERT INTO entries (idx, kind, time, body, signatures, operation, changes) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const insertChange = query(db, 'INSERT INTO changes (at, bytes) VALUES (?, ?)')

  function append(
    kind: EntryKind,
    now: number,
    body: Uint8Array,
    signatures: Uint8Array,
    operation: Uint8Array | null,
    changeCount: number,
  ): Entry {
    const last = newest.get()
    const index = last === undefined ? 0 : last.idx + 1
    const time = Math.max(now, last?.time ?? 0)
    insert.run(index, kind, time, body, signatures, operation, changeCount)
    return { index, kind, time, body, signatures }
  }

  return {
    size: () => (newest.get()?.idx ?? -1) + 1,
    entry(index) {
      const row = byIndex.get(index)
      return row === undefined ? undefined : { ...row, index, kind: row.kind as EntryKind }
    },
    operationIndex: (operation) => byOperation.get(operation)?.idx,
    changes: (index) =>
      changes.all(index * CHANGES_PER_ENTRY, (index + 1) * CHANGES_PER_ENTRY).map(({ bytes }) => bytes),
    change: (index, place) => change.get(index * CHANGES_PER_ENTRY + place)?.bytes,
    changeCount: (index) => count.get(index)?.changes ?? 0,
    append: (kind, now, body, signatures) => append(kind, now, body, signatures, null, 0),
    appendOperation(now, operation, body, signature, list) {
      const entry = append(ENTRY_KIND.operation, now, body, signature, operation, list.length)
      for (const [place, bytes] of list.entries())
        insertChange.run(entry.index * CHANGES_PER_ENTRY + place, bytes)
      return entry
    },
  }
}
