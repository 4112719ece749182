import type { DatabaseFormat } from './database.ts'

/** Version and mark of a file that holds a log store alone, "AMLG". */
const LOG_SCHEMA_VERSION = 2
const LOG_APPLICATION_ID = 0x414d_4c47

/**
 * A tile's row id is level * 2^50 + index. Pages are up to 30 KiB and replaced often, so they don't stand in an index's tree;
 * rows are small and do. `log_saved` has one row.
 */
export const LOG_SCHEMA = `
CREATE TABLE log_leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, touches BLOB NOT NULL) STRICT;
CREATE TABLE log_tiles (at INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE map_pages (n INTEGER PRIMARY KEY, prefix BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL) STRICT;
CREATE TABLE log_rows (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE log_saved (
  n INTEGER PRIMARY KEY CHECK (n = 0), tree INTEGER NOT NULL, map INTEGER NOT NULL, top BLOB NOT NULL, time INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
`

/** A log store by itself: a witness's, in a provider's little memory. */
export const LOG_DATABASE: DatabaseFormat = {
  what: 'a log store',
  applicationId: LOG_APPLICATION_ID,
  version: LOG_SCHEMA_VERSION,
  schema: LOG_SCHEMA,
  cacheKib: 4 * 1024,
}
