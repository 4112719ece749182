import type { StripeView } from '../core/open/protocol/tracker-methods.ts'
import type { StripeRow } from '../ports/tracker-store-stripes.ts'
import { HOLDER_STORED } from '../ports/tracker-store-stripes.ts'
import type { TrackerState } from './tracker-state.ts'

/** A stripe as readers get it: who stores which shard, and whether it can be had there as far as known. */
export function stripeViewOf(state: TrackerState, row: StripeRow): StripeView {
  return {
    id: row.id,
    stripe: row.stripe,
    holders: row.holders
      .filter((holder) => holder.state === HOLDER_STORED)
      .map(
        ({ index, provider, damaged }) =>
          [index, provider, state.presence.isUp(provider) && !damaged] as const,
      ),
  }
}

/** What a stripe takes of an answer, its shards in tickets counted in, about. */
export function viewBytes(row: StripeRow): number {
  return 64 + row.holders.length * 130
}
