import type { DatabaseSync } from 'node:sqlite'
import { stripeCodec } from '../../core/open/stripes/stripe.ts'
import type { HolderRow, HolderState, StripeReader, StripeRow } from '../../ports/tracker-store-stripes.ts'
import { query } from './database.ts'
import type { RowNumbers } from './row-numbers.ts'

interface StripeColumns {
  n: number
  id: Uint8Array
  space: Uint8Array
  member: Uint8Array
  stripe: Uint8Array
  lease_until: number
  sealed: number
  committed: number
  blobs_hash: Uint8Array | null
  attempts: number
}

/** Stripes with their holders, as rows. */
export function stripeRows(
  db: DatabaseSync,
  spaces: RowNumbers,
): Pick<StripeReader, 'stripe' | 'committedStripes'> {
  const columns = `s.n, s.id, p.id AS space, s.member, s.stripe, s.lease_until, s.sealed, s.committed, s.blobs_hash,
    s.attempts FROM stripes s JOIN spaces p ON p.n = s.space`
  const byId = query<StripeColumns>(db, `SELECT ${columns} WHERE s.id = ?`)
  const bySpace = query<StripeColumns>(
    db,
    `SELECT ${columns} WHERE s.space = ? AND s.committed = 1 AND s.id > ? ORDER BY s.id LIMIT ?`,
  )
  const holders = query<{ idx: number; provider: Uint8Array; state: number; damage: number | null }>(
    db,
    `SELECT h.idx, p.id AS provider, h.state, h.damage FROM holders h JOIN providers p ON p.n = h.provider
     WHERE h.stripe = ? ORDER BY h.idx, h.provider`,
  )
  const holdersOf = (n: number): HolderRow[] =>
    holders.all(n).map((row) => ({
      index: row.idx,
      provider: row.provider,
      state: row.state as HolderState,
      damaged: row.damage !== null,
    }))
  const stripeRow = (row: StripeColumns): StripeRow => ({
    id: row.id,
    space: row.space,
    member: row.member,
    stripe: stripeCodec.decode(row.stripe),
    leaseUntil: row.lease_until,
    sealed: row.sealed === 1,
    committed: row.committed === 1,
    blobsHash: row.blobs_hash ?? undefined,
    attempts: row.attempts,
    holders: holdersOf(row.n),
  })

  return {
    stripe(id) {
      const row = byId.get(id)
      return row === undefined ? undefined : stripeRow(row)
    },
    committedStripes: (space, after, limit) =>
      bySpace.all(spaces.of(space) ?? 0, after ?? new Uint8Array(0), limit).map(stripeRow),
  }
}
