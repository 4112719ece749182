import type { Damage } from '../core/open/protocol/tracker-methods.ts'
import type { Context } from '../ports/rpc.ts'
import { callingDevice } from './callers.ts'
import type { StripeState } from './stripes/stripe-health.ts'
import { stripeState } from './stripes/stripe-health.ts'
import type { TrackerState } from './tracker-state.ts'

/** Damage named in one answer. */
const MAX_DAMAGED = 1_024

/** What the tracker can count: bytes of the caller's spaces and of all shards, committed stripes by state, known damage. */
export function poolStatus(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { uniqueBytes: number; storedBytes: number; damaged: Damage[] } & Record<StripeState, number> {
  return state.store.read((tables) => {
    const { member } = callingDevice(state, tables, context)
    const up = tables.providers
      .providers()
      .map(({ id }) => id)
      .filter((id) => state.presence.isUp(id))
    const counts: Record<StripeState, number> = { healthy: 0, degraded: 0, atRisk: 0, lost: 0 }
    for (const { k, n, good, stripes } of tables.stripes.health(up))
      counts[stripeState({ k, n }, good)] += stripes
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
    return {
      uniqueBytes: sum(tables.spaces.spacesOf(member).map(({ uniqueBytes }) => uniqueBytes)),
      storedBytes: sum(tables.stripes.storedBy().map(({ bytes }) => bytes)),
      ...counts,
      damaged: tables.stripes.damaged(MAX_DAMAGED),
    }
  })
}
