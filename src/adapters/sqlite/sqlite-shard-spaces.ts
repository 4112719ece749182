import type { ShardSpaces } from '../../ports/shard-spaces.ts'
import type { DatabaseFormat } from './database.ts'
import { openDatabase, query } from './database.ts'
import { transaction } from './transaction.ts'

/** In a provider's little memory. "AMSS". Some 45 bytes a shard: a space's id stands there once. */
const SHARD_SPACES_DATABASE: DatabaseFormat = {
  what: "the spaces of a provider's shards",
  applicationId: 0x414d_5353,
  version: 1,
  schema: `
    CREATE TABLE spaces (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
    CREATE TABLE shard_spaces (
      shard BLOB NOT NULL, space INTEGER NOT NULL, PRIMARY KEY (shard, space)
    ) STRICT, WITHOUT ROWID;
  `,
  cacheKib: 2 * 1024,
  durability: 'process',
}

/** Opens (or makes) the spaces of a provider's shards in one SQLite file; throws FolderError when it can't be ours alone. */
export function openSqliteShardSpaces(path: string): ShardSpaces {
  const db = openDatabase(path, SHARD_SPACES_DATABASE)
  const space = query<{ n: number }>(db, 'SELECT n FROM spaces WHERE id = ?')
  const addSpace = query(db, 'INSERT OR IGNORE INTO spaces (id) VALUES (?)')
  const found = query<{ space: number }>(db, 'SELECT space FROM shard_spaces WHERE shard = ? AND space = ?')
  const add = query(db, 'INSERT OR IGNORE INTO shard_spaces (shard, space) VALUES (?, ?)')
  const forget = query(db, 'DELETE FROM shard_spaces WHERE shard = ?')
  const has = (shard: Uint8Array, id: Uint8Array): boolean => {
    const known = space.get(id)
    return known !== undefined && found.get(shard, known.n) !== undefined
  }
  return {
    add(shard, id) {
      // Most shards are known when they are read: looking costs less than a transaction.
      if (has(shard, id)) return
      transaction(db, () => {
        addSpace.run(id)
        add.run(shard, space.get(id)!.n)
      })
    },
    has,
    forget(shards) {
      if (shards.length > 0) transaction(db, () => shards.forEach((shard) => forget.run(shard)))
    },
    close() {
      if (db.isOpen) db.close()
    },
  }
}
