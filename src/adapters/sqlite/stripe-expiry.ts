import type { DatabaseSync } from 'node:sqlite'
import { toHex } from '../../core/open/bytes.ts'
import type { StripeWriter } from '../../ports/tracker-store-stripes.ts'
import { query } from './database.ts'

interface HeldColumns {
  stripe: number
  idx: number
  provider: number
  shard: Uint8Array
}

/** Drops what leases that ran out held. Invariant: a shard is freed only once no row names it at that provider. */
export function stripeExpiry(db: DatabaseSync): StripeWriter['expire'] {
  const uncommitted = query<{ n: number }>(
    db,
    'SELECT n FROM stripes WHERE committed = 0 AND lease_until < ? ORDER BY lease_until LIMIT ?',
  )
  const held = query<HeldColumns>(db, 'SELECT stripe, idx, provider, shard FROM holders WHERE stripe = ?')
  const givenUp = query<HeldColumns>(
    db,
    `SELECT h.stripe, h.idx, h.provider, h.shard FROM holders h JOIN stripes s ON s.n = h.stripe
     WHERE h.state = 2 AND h.state <> 1 AND s.committed = 1 AND s.lease_until < ? LIMIT ?`,
  )
  const dropHolder = query(db, 'DELETE FROM holders WHERE stripe = ? AND idx = ? AND provider = ?')
  const stillHeld = query<{ found: number }>(
    db,
    'SELECT 1 AS found FROM holders WHERE shard = ? AND provider = ? LIMIT 1',
  )
  const free = query(db, 'INSERT OR IGNORE INTO frees (provider, shard) VALUES (?, ?)')
  const dropLocations = query(db, 'DELETE FROM locations WHERE stripe = ?')
  const dropDraws = query(db, 'DELETE FROM draws WHERE stripe = ?')
  const dropStripe = query(db, 'DELETE FROM stripes WHERE n = ?')
  const dropLists = query(
    db,
    `DELETE FROM lists WHERE (space, id) IN
     (SELECT space, id FROM lists WHERE committed = 0 AND until < ? LIMIT ?)`,
  )

  return (time, limit) => {
    const stripes = uncommitted.all(time, limit)
    const dropped = givenUp.all(time, limit)
    const isFull = stripes.length === limit || dropped.length === limit
    const lists = dropLists.run(time, limit)
    for (const { n } of stripes) {
      dropped.push(...held.all(n))
      dropLocations.run(n)
      dropDraws.run(n)
      dropStripe.run(n)
    }
    for (const row of dropped) dropHolder.run(row.stripe, row.idx, row.provider)
    const freed = new Set<string>()
    for (const { provider, shard } of dropped) {
      const key = `${provider} ${toHex(shard)}`
      if (freed.has(key) || stillHeld.get(shard, provider) !== undefined) continue
      freed.add(key)
      free.run(provider, shard)
    }
    return isFull || lists === limit
  }
}
