import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_STORED } from '../../ports/tracker-store-stripes.ts'
import type { CopyPlace } from '../copies/copies-of.ts'
import type { TrackerState } from '../tracker-state.ts'

/** A stripe as readers get it: who stores which shard, whether it can be had there as far as known, and who keeps copies. */
export function stripeViewOf(
  state: TrackerState,
  row: StripeRow,
  copies: readonly CopyPlace[] = [],
): StripeView {
  return {
    id: row.id,
    stripe: row.stripe,
    holders: row.holders
      .filter((holder) => holder.state === HOLDER_STORED)
      .map(
        ({ index, provider, damaged }) =>
          [index, provider, state.presence.isUp(provider) && !damaged] as const,
      ),
    ...(copies.length === 0 ? {} : { copies }),
  }
}

/** What a stripe takes of an answer, its shards in tickets counted in, about. */
export function viewBytes(row: StripeRow, copies: readonly CopyPlace[] = []): number {
  return 64 + (row.holders.length + copies.length) * 130
}
