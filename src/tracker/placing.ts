/** What placing a stripe and replacing one of its shards share. */
import { toHex } from '../core/open/bytes.ts'
import { DeniedError, MalformedError, NotFoundError } from '../core/open/errors.ts'
import { RIGHT } from '../core/open/objects/change.ts'
import type { Candidate } from '../core/open/placement.ts'
import type { PlacementAnswer } from '../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../core/open/stripe.ts'
import { MAX_STRIPE_SHARDS } from '../core/open/stripe.ts'
import type { TrackerReader } from '../ports/tracker-store.ts'
import type { DeviceRow } from '../ports/tracker-store-members.ts'
import type { StripeRow } from '../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP } from '../ports/tracker-store-stripes.ts'
import { requireRight } from './callers.ts'
import { writeTicket } from './tickets.ts'
import type { TrackerState } from './tracker-state.ts'
import { poolOf } from './tracker-state.ts'

/** Throws MalformedError unless the stripe could be coded: as many shards as it says, and a loss is survivable. */
export function checkStripe({ k, n, shards }: Stripe): void {
  if (k < 1 || n <= k || n > MAX_STRIPE_SHARDS || shards.length !== n)
    throw new MalformedError('a stripe has k data shards, parity, and n shards in all', { k, n })
  const longest = Math.max(...shards.slice(0, k).map(([, bytes]) => bytes))
  if (shards.slice(k).some(([, bytes]) => bytes !== longest))
    throw new MalformedError('parity shards are as long as the longest data shard')
}

/** The caller's stripe; throws NotFoundError, or DeniedError for one that another member placed. */
export function ownStripe(
  state: TrackerState,
  tables: TrackerReader,
  device: DeviceRow,
  id: Uint8Array,
): StripeRow {
  const row = tables.stripes.stripe(id)
  if (row === undefined)
    throw new NotFoundError('this stripe was not placed, or its lease is over', { stripe: id })
  requireRight(state, tables, device.member, row.space, RIGHT.write)
  if (!row.committed && toHex(row.member) !== toHex(device.member))
    throw new DeniedError('another member is storing this stripe')
  return row
}

/** Providers that are up and may take these shards, with the bytes that nobody has reserved. */
export function candidatesFor(
  state: TrackerState,
  tables: TrackerReader,
  space: Uint8Array,
  shards: Stripe['shards'],
  excluded: readonly Uint8Array[],
): Candidate[] {
  const taken = new Set(excluded.map(toHex))
  // An empty shard is everybody's.
  const ids = new Map(shards.filter(([, bytes]) => bytes > 0).map(([id]) => [toHex(id), id]))
  for (const provider of tables.stripes.busyWith([...ids.values()], space)) taken.add(toHex(provider))
  const reserved = new Map(
    tables.stripes.reserved(state.clock.now()).map(({ provider, bytes }) => [toHex(provider), bytes]),
  )
  return tables.providers
    .providers()
    .filter(({ id }) => state.presence.isUp(id) && !taken.has(toHex(id)))
    .map(({ id, operator, capacity: promised }) => {
      const { capacity, used } = state.presence.last(id) ?? { capacity: promised, used: 0 }
      const free = Math.max(0, capacity - used - (reserved.get(toHex(id)) ?? 0))
      return { provider: id, operator, free }
    })
}

/** Where these indices of the stripe are placed, with a write ticket for each. */
export function placementAnswer(
  state: TrackerState,
  tables: TrackerReader,
  device: DeviceRow,
  row: StripeRow,
  indices: ReadonlySet<number>,
  narrow: boolean,
): PlacementAnswer {
  const { pool } = poolOf(state, tables)
  const targets = new Map<number, Uint8Array>()
  const isUp = (provider: Uint8Array) => Number(state.presence.isUp(provider))
  // Of several holders of one shard, one that is up; of these, one that has it stored already.
  const preferred = row.holders.toSorted((a, b) => isUp(a.provider) - isUp(b.provider) || a.state - b.state)
  for (const { index, provider, state: held } of preferred)
    if (indices.has(index) && held !== HOLDER_GIVEN_UP) targets.set(index, provider)
  return {
    shards: [...targets],
    tickets: [...targets].map(([index, provider]) =>
      writeTicket(state, { pool, holder: device.net }, row, index, provider),
    ),
    narrow,
  }
}
