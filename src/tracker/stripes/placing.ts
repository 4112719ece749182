/** What placing a stripe and replacing one of its shards share. */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import {
  CapacityError,
  DeniedError,
  MalformedError,
  NotEnoughProvidersError,
  NotFoundError,
} from '../../core/open/errors.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { PlacementDraw } from '../../core/open/placement/placement.ts'
import { SKIPPED, isNarrow, placementDrawCodec } from '../../core/open/placement/placement.ts'
import type { PlacementAnswer } from '../../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { MAX_STRIPE_SHARDS } from '../../core/open/stripes/stripe.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { ReportedProvider } from '../capacity/reported-weights.ts'
import type { DeviceRow } from '../../ports/tracker-store-members.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP } from '../../ports/tracker-store-stripes.ts'
import { requireRight } from '../callers.ts'
import { writeTicket } from './tickets.ts'
import type { TrackerState } from '../tracker-state.ts'
import { poolOf } from '../tracker-state.ts'

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

export interface ShardsToPlace {
  /** Stripe id. */
  readonly id: Uint8Array
  readonly space: Uint8Array
  readonly stripe: Stripe
  readonly indices: readonly number[]
  /** Draws for this stripe so far. */
  readonly attempt: number
  /** Providers that must not get these shards. */
  readonly excluded: readonly Uint8Array[]
  /** Failure domains of the stripe's other shards, one entry a shard. */
  readonly held: readonly Uint8Array[]
}

/** Draws providers for shards; throws NotEnoughProvidersError, or CapacityError when room is what lacks. */
export function drawShards(state: TrackerState, tables: TrackerReader, job: ShardsToPlace): PlacementDraw {
  const { indices, stripe } = job
  const providers = standingOf(state, tables)
  const shardBytes = Math.max(...indices.map((index) => stripe.shards[index]![1]))
  const excluded = excludedFrom(tables, job)
  const reasons = new Map(
    providers.map(({ id, up, free }) => {
      const key = toHex(id)
      const full = free < Math.max(1, shardBytes) ? SKIPPED.full : undefined
      return [key, up ? (excluded.has(key) ? SKIPPED.excluded : full) : SKIPPED.down] as const
    }),
  )
  const needed = indices.length
  const candidates = [...reasons.values()].filter((why) => why === undefined || why === SKIPPED.full)
  if (candidates.length < needed)
    throw new NotEnoughProvidersError(
      `${needed} providers are needed at once, and ${candidates.length} can be had`,
      { needed, available: candidates.length },
    )
  const lacksRoom = (withRoom: number, cause?: unknown) =>
    new CapacityError(
      `${needed} providers with room for ${shardBytes} bytes are needed, and ${withRoom} have it`,
      { needed, withRoom, shardBytes },
      cause === undefined ? {} : { cause },
    )
  const roomy = candidates.filter((why) => why === undefined).length
  if (roomy < needed) throw lacksRoom(roomy)
  const { proven, draws } = state.capacity
  try {
    return draws.draw(
      { stripe: job.id, scheme: stripe, attempt: job.attempt, indices, held: job.held },
      () => state.capacity.reported.tree(providers, (id) => proven.of(tables, id)),
      // The ledger may know one that this tracker doesn't.
      (id) => (reasons.has(toHex(id)) ? reasons.get(toHex(id)) : SKIPPED.down),
    )
  } catch (error) {
    if (!(error instanceof NotEnoughProvidersError)) throw error
    // The others have less than one unit of room.
    throw lacksRoom(Number(error.facts['available']), error)
  }
}

/** All providers with what they reported last, whether they are up, and the bytes that nobody has reserved. */
export function standingOf(
  state: TrackerState,
  tables: TrackerReader,
): (ReportedProvider & { readonly up: boolean; readonly free: number })[] {
  const reserved = new Map(
    tables.stripes.reserved(state.clock.now()).map(({ provider, bytes }) => [toHex(provider), bytes]),
  )
  return tables.providers.providers().map(({ id, operator, capacity: promised }) => {
    const { capacity, used } = state.presence.last(id) ?? { capacity: promised, used: 0 }
    const free = Math.max(0, capacity - used - (reserved.get(toHex(id)) ?? 0))
    return { id, operator, capacity, used, free, up: state.presence.isUp(id) }
  })
}

/** Providers that may not have these shards: by the request, because they have still to free one, or hold one for another space. */
function excludedFrom(
  tables: TrackerReader,
  { excluded, indices, stripe, space }: ShardsToPlace,
): Set<string> {
  // An empty shard is everybody's.
  const shards = indices.map((index) => stripe.shards[index]!).filter(([, bytes]) => bytes > 0)
  const ids = new Map(shards.map(([id]) => [toHex(id), id]))
  return new Set([...excluded, ...tables.stripes.busyWith([...ids.values()], space)].map(toHex))
}

/** Where these indices of the stripe are placed, with a write ticket for each. */
export function placementAnswer(
  state: TrackerState,
  tables: TrackerReader,
  device: DeviceRow,
  row: StripeRow,
  indices: ReadonlySet<number>,
): PlacementAnswer {
  const { pool } = poolOf(state, tables)
  const targets = new Map<number, Uint8Array>()
  const isUp = (provider: Uint8Array) => Number(state.presence.isUp(provider))
  // Of several holders of one shard, one that is up; of these, one that has it stored already.
  const preferred = row.holders.toSorted((a, b) => isUp(a.provider) - isUp(b.provider) || a.state - b.state)
  for (const { index, provider, state: held } of preferred)
    if (indices.has(index) && held !== HOLDER_GIVEN_UP) targets.set(index, provider)
  const placed = drawsOf(tables, row, [...targets])
  return {
    shards: [...targets],
    tickets: [...targets].map(([index, provider]) =>
      writeTicket(state, { pool, holder: device.net }, row, index, provider),
    ),
    narrow: placed.some((draw) => isNarrow(row.stripe, draw)),
    draws: placed.map((draw) => placementDrawCodec.encode(draw)),
  }
}

/** The draws by which these shards came to these providers. */
function drawsOf(
  tables: TrackerReader,
  { id }: StripeRow,
  targets: readonly (readonly [index: number, provider: Uint8Array])[],
): PlacementDraw[] {
  return tables.stripes
    .draws(id)
    .map((bytes) => placementDrawCodec.decode(bytes))
    .filter(({ indices, chosen }) =>
      targets.some(([index, provider]) => {
        const drawn = chosen[indices.indexOf(index)]
        return drawn !== undefined && equalBytes(drawn, provider)
      }),
    )
}
