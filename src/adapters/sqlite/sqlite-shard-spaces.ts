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
      shard BLOB NOT NULL, space INTEGER NOT NULL, stripe INTEGER NOT NULL, PRIMARY KEY (shard, space, stripe)
    ) STRICT, WITHOUT ROWID;
    -- Counting a million rows takes seconds.
    CREATE TABLE stripes (stripe INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
    CREATE TRIGGER added AFTER INSERT ON shard_spaces BEGIN
      INSERT INTO stripes VALUES (NEW.stripe, 1) ON CONFLICT (stripe) DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER forgotten AFTER DELETE ON shard_spaces BEGIN
      UPDATE stripes SET n = n - 1 WHERE stripe = OLD.stripe;
    END;
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
  const foundRow = query(db, 'SELECT 1 FROM shard_spaces WHERE shard = ? AND space = ? AND stripe = ?')
  const add = query(db, 'INSERT INTO shard_spaces (shard, space, stripe) VALUES (?, ?, ?)')
  const forget = query(db, 'DELETE FROM shard_spaces WHERE shard = ?')
  const stripes = query<{ stripe: number }>(db, 'SELECT stripe FROM stripes WHERE n > 0 ORDER BY stripe')
  const has = (shard: Uint8Array, id: Uint8Array): boolean => {
    const known = space.get(id)
    return known !== undefined && found.get(shard, known.n) !== undefined
  }
  return {
    add(shard, id, stripe) {
      // Most shards are known when they are read: looking costs less than a transaction.
      const known = space.get(id)
      if (known !== undefined && foundRow.get(shard, known.n, stripe) !== undefined) return
      transaction(db, () => {
        addSpace.run(id)
        add.run(shard, space.get(id)!.n, stripe)
      })
    },
    has,
    stripes: () => stripes.all().map(({ stripe }) => stripe),
    forget(shards) {
      if (shards.length > 0) transaction(db, () => shards.forEach((shard) => forget.run(shard)))
    },
    close() {
      if (db.isOpen) db.close()
    },
  }
}
