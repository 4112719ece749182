import type { DatabaseSync } from 'node:sqlite'
import { toHex } from '../../core/open/bytes.ts'
import { stripeCodec } from '../../core/open/stripes/stripe.ts'
import type { BlobLocation, DamageRow, HealthCount, StripeWriter } from '../../ports/tracker-store-stripes.ts'
import { query } from './database.ts'
import type { RowNumbers } from './row-numbers.ts'
import { stripeExpiry } from './stripe-expiry.ts'
import { stripeRows } from './stripe-rows.ts'

interface LocationColumns extends Omit<BlobLocation, 'sealed' | 'committed' | 'offset' | 'index' | 'blob'> {
  idx: number
  start: number
  sealed: number
  committed: number
}

/** The place of a draw for all shards of a stripe. */
const WHOLE_STRIPE = -1

/** Stripes, who holds their shards, where blobs are, and what is to be freed. */
export function stripeTables(db: DatabaseSync, spaces: RowNumbers, providers: RowNumbers): StripeWriter {
  const number = query<{ n: number; stripe: Uint8Array }>(db, 'SELECT n, stripe FROM stripes WHERE id = ?')
  const locations = query<LocationColumns>(
    db,
    `SELECT s.id AS stripe, s.member, s.sealed, s.committed, l.idx, l.start, l.length
     FROM locations l JOIN stripes s ON s.n = l.stripe WHERE l.space = ? AND l.blob = ?`,
  )
  const references = query<{ count: number }>(
    db,
    'SELECT count FROM blob_references WHERE space = ? AND blob = ?',
  )
  const list = query<{ bytes: Uint8Array; committed: number }>(
    db,
    'SELECT bytes, committed FROM lists WHERE space = ? AND id = ?',
  )
  const listBytes = query<{ bytes: number | null }>(
    db,
    'SELECT sum(length(bytes)) AS bytes FROM lists WHERE committed = 0 AND member = ?',
  )
  const freeing = query<{ id: Uint8Array }>(
    db,
    'SELECT p.id FROM frees f JOIN providers p ON p.n = f.provider WHERE f.shard = ?',
  )
  const foreign = query<{ id: Uint8Array }>(
    db,
    `SELECT DISTINCT p.id FROM holders h JOIN stripes s ON s.n = h.stripe JOIN providers p ON p.n = h.provider
     WHERE h.shard = ? AND s.space <> ?`,
  )
  // The empty shard is in many.
  const stripesWith = query<{ id: Uint8Array }>(
    db,
    `SELECT DISTINCT s.id FROM holders h JOIN stripes s ON s.n = h.stripe
     WHERE h.shard = ? AND h.state = 1 AND s.committed = 1 LIMIT 16`,
  )
  const holding = query<{ id: Uint8Array }>(
    db,
    `SELECT DISTINCT p.id FROM holders h JOIN stripes s ON s.n = h.stripe JOIN spaces p ON p.n = s.space
     WHERE h.shard = ? AND h.provider = ?`,
  )
  const reserved = query<{ provider: Uint8Array; bytes: number }>(
    db,
    `SELECT p.id AS provider, sum(h.bytes) AS bytes FROM holders h JOIN stripes s ON s.n = h.stripe
     JOIN providers p ON p.n = h.provider WHERE h.state = 0 AND h.state <> 1 AND s.lease_until > ? GROUP BY h.provider`,
  )
  const storedBy = query<{ provider: Uint8Array; shards: number; bytes: number; goodBytes: number }>(
    db,
    `SELECT p.id AS provider, count(*) AS shards, sum(h.bytes) AS bytes,
     sum(CASE WHEN h.damage IS NULL THEN h.bytes ELSE 0 END) AS goodBytes FROM holders h
     JOIN providers p ON p.n = h.provider WHERE h.state = 1 GROUP BY h.provider`,
  )
  const health = query<HealthCount>(
    db,
    `SELECT k, width AS n, good, count(*) AS stripes FROM (
       SELECT s.k, s.width, count(DISTINCT h.idx) AS good FROM stripes s
       LEFT JOIN holders h ON h.stripe = s.n AND h.state = 1 AND h.damage IS NULL
         AND h.provider IN (SELECT value FROM json_each(?))
       WHERE s.committed = 1 GROUP BY s.n)
     GROUP BY k, width, good`,
  )
  const damaged = query<DamageRow>(
    db,
    `SELECT DISTINCT p.id AS provider, h.shard, h.found, h.damage AS what FROM holders h
     JOIN providers p ON p.n = h.provider WHERE h.damage IS NOT NULL ORDER BY h.found DESC LIMIT ?`,
  )
  const draws = query<{ body: Uint8Array }>(
    db,
    'SELECT d.body FROM draws d JOIN stripes s ON s.n = d.stripe WHERE s.id = ? ORDER BY d.place',
  )
  const frees = query<{ shard: Uint8Array }>(db, 'SELECT shard FROM frees WHERE provider = ? LIMIT ?')

  const addStripe = query(
    db,
    `INSERT INTO stripes (id, space, member, stripe, k, width, lease_until, sealed, committed, attempts)
     VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?)`,
  )
  const renewLease = query(db, 'UPDATE stripes SET lease_until = max(lease_until, ?) WHERE id = ?')
  const countAttempt = query(db, 'UPDATE stripes SET attempts = attempts + 1 WHERE id = ?')
  const putHolder = query(
    db,
    `INSERT INTO holders (stripe, idx, provider, shard, bytes, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (stripe, idx, provider) DO UPDATE SET state = ?6,
     damage = CASE ?6 WHEN 1 THEN NULL ELSE damage END, found = CASE ?6 WHEN 1 THEN NULL ELSE found END`,
  )
  const putDraw = query(
    db,
    `INSERT INTO draws (stripe, place, body) VALUES (?1, ?2, ?3)
     ON CONFLICT (stripe, place) DO UPDATE SET body = ?3`,
  )
  const sealStripe = query(db, 'UPDATE stripes SET sealed = 1 WHERE id = ?')
  const setHash = query(db, 'UPDATE stripes SET blobs_hash = ? WHERE id = ?')
  const addLocation = query(
    db,
    'INSERT INTO locations (space, blob, stripe, idx, start, length) SELECT space, ?, n, ?, ?, ? FROM stripes WHERE n = ?',
  )
  const commitStripe = query(db, 'UPDATE stripes SET committed = 1 WHERE id = ? AND committed = 0')
  const addReference = query(
    db,
    `INSERT INTO blob_references (space, blob, count) VALUES (?, ?, 1)
     ON CONFLICT (space, blob) DO UPDATE SET count = count + 1`,
  )
  const putList = query(
    db,
    `INSERT INTO lists (space, id, member, bytes, until, committed) VALUES (?, ?, ?, ?, ?, 0)
     ON CONFLICT (space, id) DO UPDATE SET until = max(until, excluded.until)`,
  )
  const commitList = query(db, 'UPDATE lists SET committed = 1 WHERE space = ? AND id = ? AND committed = 0')
  const markDamaged = query(
    db,
    `UPDATE holders SET damage = coalesce(damage, ?), found = coalesce(found, ?)
     WHERE shard = ? AND provider = ? AND state = 1`,
  )
  const confirmFreed = query(db, 'DELETE FROM frees WHERE provider = ? AND shard = ?')
  /** 0 is no row's number. */
  const spaceOf = (id: Uint8Array) => spaces.of(id) ?? 0
  const providerOf = (id: Uint8Array) => providers.of(id) ?? 0

  return {
    ...stripeRows(db, spaces),
    locations: (space, blob) =>
      locations.all(spaceOf(space), blob).map(({ idx, start, sealed, committed, ...row }) => ({
        ...row,
        blob,
        index: idx,
        offset: start,
        sealed: sealed === 1,
        committed: committed === 1,
      })),
    references: (space, blob) => references.get(spaceOf(space), blob)?.count ?? 0,
    list(space, id) {
      const row = list.get(spaceOf(space), id)
      return row === undefined ? undefined : { bytes: row.bytes, committed: row.committed === 1 }
    },
    uncommittedListBytes: (member) => listBytes.get(member)?.bytes ?? 0,
    draws: (stripe) => draws.all(stripe).map(({ body }) => body),
    busyWith(shards, space) {
      const found = new Map<string, Uint8Array>()
      for (const shard of shards)
        for (const { id } of [...freeing.all(shard), ...foreign.all(shard, spaceOf(space))])
          found.set(toHex(id), id)
      return [...found.values()]
    },
    stripesWith: (shard) => stripesWith.all(shard).map(({ id }) => id),
    spacesHolding: (provider, shard) => holding.all(shard, providerOf(provider)).map(({ id }) => id),
    reserved: (now) => reserved.all(now),
    storedBy: () => storedBy.all(),
    health: (up) => health.all(JSON.stringify(up.map(providerOf))),
    damaged: (limit) => damaged.all(limit),
    frees: (provider, limit) => frees.all(providerOf(provider), limit).map(({ shard }) => shard),
    addStripe(row) {
      const { k, n } = row.stripe
      addStripe.run(
        row.id,
        spaceOf(row.space),
        row.member,
        stripeCodec.encode(row.stripe),
        k,
        n,
        row.leaseUntil,
        row.attempts,
      )
    },
    renewLease: (stripe, until) => void renewLease.run(until, stripe),
    countAttempt: (stripe) => void countAttempt.run(stripe),
    putHolder(stripe, index, provider, state) {
      const row = number.get(stripe)
      if (row === undefined) return
      const [shard, bytes] = stripeCodec.decode(row.stripe).shards[index]!
      putHolder.run(row.n, index, providerOf(provider), shard, bytes, state)
    },
    putDraw(stripe, index, draw) {
      const row = number.get(stripe)
      if (row !== undefined) putDraw.run(row.n, index ?? WHOLE_STRIPE, draw)
    },
    sealStripe: (stripe) => void sealStripe.run(stripe),
    addBlobs(stripe, hash, blobs) {
      const row = number.get(stripe)
      if (row === undefined) return
      setHash.run(hash, stripe)
      for (const { blob, index, offset, length } of blobs) addLocation.run(blob, index, offset, length, row.n)
    },
    commitStripe: (stripe) => void commitStripe.run(stripe),
    addReference: (space, blob) => void addReference.run(spaceOf(space), blob),
    putList: (space, id, member, bytes, until) => void putList.run(spaceOf(space), id, member, bytes, until),
    commitList: (space, id) => void commitList.run(spaceOf(space), id),
    markDamaged: ({ provider, shard, found, what }) =>
      markDamaged.run(what, found, shard, providerOf(provider)) > 0,
    expire: stripeExpiry(db),
    confirmFreed(provider, shards) {
      for (const shard of shards) confirmFreed.run(providerOf(provider), shard)
    },
  }
}
