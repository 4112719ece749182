import type { DatabaseFormat } from './database.ts'
import { LOG_SCHEMA } from './log-schema.ts'

/** Version of the tables below, kept as SQLite's user_version; another version is refused. */
const SCHEMA_VERSION = 3

/** Marks the file as ours: SQLite's application_id, "AMTK". */
const APPLICATION_ID = 0x414d_544b

/** Claims of names on their way to the ledger, one of each member; `block` is where it is registered. */
const NAME_CLAIMS = `
CREATE TABLE name_claims (
  member BLOB PRIMARY KEY, name TEXT NOT NULL, owner BLOB NOT NULL, chain_id INTEGER NOT NULL, contract BLOB NOT NULL,
  signature BLOB NOT NULL, since INTEGER NOT NULL, try_at INTEGER NOT NULL, block INTEGER, problem TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX name_claims_waiting ON name_claims (try_at, member) WHERE block IS NULL;
`

/** How a stripe's shards came to their places: place -1 is the draw for all of them, else the newest for one shard. */
const PLACEMENT_DRAWS = `
CREATE TABLE draws (
  stripe INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (stripe, place)
) STRICT, WITHOUT ROWID;
`

/** Version 1, the only one that was released, had no log: the tracker builds it from the entries. */
const UPGRADES = { 1: LOG_SCHEMA + NAME_CLAIMS + PLACEMENT_DRAWS }

/**
 * `entries` and `changes` hold exact bytes in order: all other tables can be made again from them, but for what isn't
 * logged (waiting newcomers, claims of names, stripes and where they are). A change's row id is entry * 4096 + place.
 */
const SCHEMA = `
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL,
  body BLOB NOT NULL, signatures BLOB NOT NULL, operation BLOB, changes INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_by_operation ON entries (operation) WHERE operation IS NOT NULL;
CREATE TABLE changes (at INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

CREATE TABLE members (
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
  sign BLOB NOT NULL, record BLOB NOT NULL, record_signature BLOB NOT NULL
) STRICT;
CREATE TABLE devices (
  n INTEGER PRIMARY KEY, device BLOB NOT NULL UNIQUE, member BLOB NOT NULL, sign BLOB NOT NULL, net BLOB NOT NULL UNIQUE,
  not_after INTEGER NOT NULL, serial INTEGER NOT NULL,
  certificate BLOB NOT NULL, by_member BLOB NOT NULL, by_device BLOB NOT NULL
) STRICT;
CREATE INDEX devices_by_member ON devices (member);
CREATE TABLE member_invites (invite BLOB PRIMARY KEY, member BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE waiting (
  invite BLOB NOT NULL, member BLOB NOT NULL, mac BLOB NOT NULL, record BLOB NOT NULL, record_signature BLOB NOT NULL,
  certificate BLOB NOT NULL, by_member BLOB NOT NULL, by_device BLOB NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (invite, member)
) STRICT;
CREATE INDEX waiting_by_member ON waiting (member);
CREATE TABLE progress (device BLOB PRIMARY KEY, counter INTEGER NOT NULL, prev_op BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE provider_invites (
  invite BLOB PRIMARY KEY, operator BLOB NOT NULL, not_after INTEGER NOT NULL,
  body BLOB NOT NULL, signature BLOB NOT NULL, used_by BLOB
) STRICT;
CREATE TABLE providers (
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, net BLOB NOT NULL UNIQUE, name TEXT NOT NULL, operator BLOB NOT NULL,
  invite BLOB NOT NULL, address TEXT NOT NULL, capacity INTEGER NOT NULL, seq INTEGER NOT NULL,
  record BLOB NOT NULL, record_signature BLOB NOT NULL
) STRICT;

CREATE TABLE spaces (
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, root BLOB NOT NULL, epoch INTEGER NOT NULL, genesis INTEGER NOT NULL,
  blobs INTEGER NOT NULL, unique_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE grants (
  space INTEGER NOT NULL, id BLOB NOT NULL, node BLOB NOT NULL, gen INTEGER NOT NULL, grantee BLOB NOT NULL,
  enc_gen INTEGER NOT NULL, rights INTEGER NOT NULL, not_after INTEGER, PRIMARY KEY (space, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_grantee ON grants (grantee);
CREATE TABLE nodes (
  space INTEGER NOT NULL, node BLOB NOT NULL, parent BLOB NOT NULL, parent_gen INTEGER NOT NULL, gen INTEGER NOT NULL,
  version INTEGER NOT NULL, head BLOB NOT NULL, deleted INTEGER NOT NULL,
  created_op INTEGER NOT NULL, created_place INTEGER NOT NULL,
  generations BLOB NOT NULL, generation_bytes INTEGER NOT NULL,
  meta_op INTEGER NOT NULL, meta_place INTEGER NOT NULL, content_op INTEGER, content_place INTEGER,
  meta_bytes INTEGER NOT NULL, content_bytes INTEGER NOT NULL,
  PRIMARY KEY (space, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_parent ON nodes (space, parent, deleted, created_op, created_place);

CREATE TABLE stripes (
  n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, space INTEGER NOT NULL, member BLOB NOT NULL, stripe BLOB NOT NULL,
  k INTEGER NOT NULL, width INTEGER NOT NULL, lease_until INTEGER NOT NULL,
  sealed INTEGER NOT NULL, committed INTEGER NOT NULL, blobs_hash BLOB, attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX stripes_by_space ON stripes (space, id) WHERE committed = 1;
CREATE INDEX stripes_by_lease ON stripes (lease_until) WHERE committed = 0;
CREATE TABLE holders (
  stripe INTEGER NOT NULL, idx INTEGER NOT NULL, provider INTEGER NOT NULL, shard BLOB NOT NULL, bytes INTEGER NOT NULL,
  state INTEGER NOT NULL, damage INTEGER, found INTEGER, PRIMARY KEY (stripe, idx, provider)
) STRICT, WITHOUT ROWID;
CREATE INDEX holders_by_shard ON holders (shard, provider);
CREATE INDEX holders_open ON holders (state, provider, bytes) WHERE state <> 1;
CREATE INDEX holders_damaged ON holders (found) WHERE damage IS NOT NULL;
CREATE TABLE locations (
  space INTEGER NOT NULL, blob BLOB NOT NULL, stripe INTEGER NOT NULL, idx INTEGER NOT NULL,
  start INTEGER NOT NULL, length INTEGER NOT NULL, PRIMARY KEY (space, blob, stripe)
) STRICT, WITHOUT ROWID;
CREATE INDEX locations_by_stripe ON locations (stripe);
CREATE TABLE blob_references (
  space INTEGER NOT NULL, blob BLOB NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (space, blob)
) STRICT, WITHOUT ROWID;
CREATE TABLE lists (
  space INTEGER NOT NULL, id BLOB NOT NULL, member BLOB NOT NULL, bytes BLOB NOT NULL, until INTEGER NOT NULL,
  committed INTEGER NOT NULL, PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX lists_uncommitted ON lists (until) WHERE committed = 0;
CREATE TABLE frees (
  provider INTEGER NOT NULL, shard BLOB NOT NULL, PRIMARY KEY (provider, shard)
) STRICT, WITHOUT ROWID;
CREATE INDEX frees_by_shard ON frees (shard);
`

/** A tracker's database: its own tables and those of its log. */
export const TRACKER_DATABASE: DatabaseFormat = {
  what: 'a tracker',
  applicationId: APPLICATION_ID,
  version: SCHEMA_VERSION,
  schema: SCHEMA + LOG_SCHEMA + NAME_CLAIMS + PLACEMENT_DRAWS,
  upgrades: UPGRADES,
}
