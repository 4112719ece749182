import { equalBytes, toHex } from '../../core/open/bytes.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { ProviderRow } from '../../ports/tracker-store-providers.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_STORED } from '../../ports/tracker-store-stripes.ts'
import { standingOf } from '../stripes/placing.ts'
import { copierTicket } from '../stripes/tickets.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'
import { chooseCopier } from './choose-copier.ts'

/**
 * Has shards copied that a provider says are read a lot from it: one more copy of each, where the limits allow it and somebody has
 * the room. What it says of shards that it doesn't hold isn't heard.
 */
export function spreadHot(
  state: TrackerState,
  tables: TrackerReader,
  holder: ProviderRow,
  hot: readonly Uint8Array[],
): void {
  for (const shard of hot) {
    if (!state.copies.isWanted(shard, holder.id)) continue
    const row = heldStripe(tables, holder, shard)
    if (row !== undefined) spread(state, tables, holder, shard, row)
  }
}

function spread(
  state: TrackerState,
  tables: TrackerReader,
  holder: ProviderRow,
  shard: Uint8Array,
  row: StripeRow,
): void {
  const { stripe, space, holders } = row
  const [, bytes] = stripe.shards.find(([id]) => equalBytes(id, shard))!
  const serving = [
    ...holders
      .filter(({ index }) => equalBytes(stripe.shards[index]![0], shard))
      .map(({ provider }) => provider),
    ...state.copies.of(shard),
  ]
  // Who has this very shard, or must still forget it, can't keep a copy of it.
  const excluded = new Set([...serving, ...tables.stripes.busyWith([shard], space)].map(toHex))
  const standing = standingOf(state, tables)
  const candidates = standing
    .filter(({ id, up }) => up && !excluded.has(toHex(id)) && state.copies.mayKeep(shard, id))
    .filter(({ id }) => !couldRebuild(state, row, id))
    .map((one) => ({ ...one, copies: state.copies.countOf(one.id) }))
  const servers = new Set(serving.map(toHex))
  const copier = chooseCopier(candidates, {
    bytes,
    stripeHolders: holders.map(({ provider }) => provider),
    servedBy: standing.filter(({ id }) => servers.has(toHex(id))).map(({ operator }) => operator),
  })
  if (copier === undefined) return
  const { net } = tables.providers.provider(copier.id)!
  const { pool } = poolOf(state, tables)
  state.copies.ask({
    shard,
    provider: copier.id,
    space,
    holder: holder.id,
    bytes,
    ask: {
      address: holder.address,
      ticket: copierTicket(state, { pool, holder: net }, row, shard, holder.id),
    },
  })
  state.events.copyAsked(shard, holder.id, copier.id)
}

/**
 * Whether one copy more would let a holder of one of the stripe's shards rebuild that one: who has lost his shard must not pass for its
 * holder with what he was given as copies.
 */
function couldRebuild({ copies }: TrackerState, { stripe, holders }: StripeRow, id: Uint8Array): boolean {
  if (!holders.some(({ provider }) => equalBytes(provider, id))) return false
  return stripe.shards.filter(([shard]) => copies.isAsked(shard, id)).length + 1 >= stripe.k
}

/** A committed stripe of which the provider stores this shard, undamaged as far as known; the empty shard is nobody's. */
function heldStripe(tables: TrackerReader, { id }: ProviderRow, shard: Uint8Array): StripeRow | undefined {
  for (const stripe of tables.stripes.stripesWith(shard)) {
    const row = tables.stripes.stripe(stripe)
    const isHeld = row?.holders.some(
      ({ index, provider, state, damaged }) =>
        state === HOLDER_STORED &&
        !damaged &&
        equalBytes(provider, id) &&
        equalBytes(row.stripe.shards[index]![0], shard) &&
        row.stripe.shards[index]![1] > 0,
    )
    if (isHeld === true) return row
  }
  return undefined
}
