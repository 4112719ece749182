import type { DatabaseSync } from 'node:sqlite'
import { ConflictError } from '../../core/open/errors.ts'
import type { LogStorageWriter, SavedLog, StoredLeaf } from '../../core/open/log/log-storage.ts'
import { query } from './database.ts'

/** Tiles of one level: indices of 53-bit sizes need 45 bits. */
const TILES_PER_LEVEL = 2 ** 50

/** Leaves, tiles, map pages, rows and checkpoints. */
export function logStorageTables(db: DatabaseSync): LogStorageWriter {
  const saved = query<SavedLog>(db, 'SELECT tree, map, top, time FROM log_saved')
  const count = query<{ count: number }>(db, 'SELECT coalesce(max(idx), -1) + 1 AS count FROM log_leaves')
  const leaf = query<StoredLeaf>(db, 'SELECT leaf, touches FROM log_leaves WHERE idx = ?')
  const leaves = query<{ leaf: Uint8Array }>(
    db,
    'SELECT leaf FROM log_leaves WHERE idx >= ? ORDER BY idx LIMIT ?',
  )
  const tile = query<{ hashes: Uint8Array }>(db, 'SELECT hashes FROM log_tiles WHERE at = ?')
  const page = query<{ bytes: Uint8Array }>(db, 'SELECT bytes FROM map_pages WHERE prefix = ?')
  const row = query<{ value: Uint8Array }>(db, 'SELECT value FROM log_rows WHERE key = ?')
  const newest = query<{ note: Uint8Array }>(db, 'SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1')
  const checkpoint = query<{ note: Uint8Array }>(db, 'SELECT note FROM checkpoints WHERE size = ?')
  const putLeaf = query(db, 'INSERT INTO log_leaves (idx, leaf, touches) VALUES (?, ?, ?)')
  const putTile = query(db, 'INSERT OR REPLACE INTO log_tiles (at, hashes) VALUES (?, ?)')
  const putPage = query(
    db,
    'INSERT INTO map_pages (prefix, bytes) VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET bytes = excluded.bytes',
  )
  const dropPage = query(db, 'DELETE FROM map_pages WHERE prefix = ?')
  const putRow = query(
    db,
    'INSERT INTO log_rows (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  )
  const putSaved = query(
    db,
    'INSERT OR REPLACE INTO log_saved (n, tree, map, top, time) VALUES (0, ?, ?, ?, ?)',
  )
  const putCheckpoint = query(db, 'INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?, ?)')
  const dropCheckpoints = query(db, 'DELETE FROM checkpoints WHERE size < ?')
  const leafCount = (): number => count.get()?.count ?? 0

  return {
    saved: () => saved.get(),
    leafCount,
    leaf: (index) => leaf.get(index),
    leaves: (from, limit) => leaves.all(from, limit).map((stored) => stored.leaf),
    tile: (level, index) => tile.get(level * TILES_PER_LEVEL + index)?.hashes,
    page: (prefix) => page.get(prefix)?.bytes,
    row: (key) => row.get(key)?.value,
    checkpoint: () => newest.get()?.note,
    checkpointAt: (size) => checkpoint.get(size)?.note,
    putLeaf(index, stored) {
      const next = leafCount()
      if (index !== next) throw new ConflictError('leaves follow each other', { index, next })
      putLeaf.run(index, stored.leaf, stored.touches)
    },
    putRows(rows) {
      for (const { key, value } of rows) putRow.run(key, value)
    },
    putTiles(tiles) {
      for (const { level, index, hashes } of tiles) putTile.run(level * TILES_PER_LEVEL + index, hashes)
    },
    putPages(pages) {
      for (const { prefix, bytes } of pages)
        if (bytes === undefined) dropPage.run(prefix)
        else putPage.run(prefix, bytes)
    },
    putSaved: ({ tree, map, top, time }) => void putSaved.run(tree, map, top, time),
    putCheckpoint: (size, note) => void putCheckpoint.run(size, note),
    dropCheckpointsBefore: (size) => void dropCheckpoints.run(size),
  }
}
