import { equalBytes } from '../../core/open/bytes.ts'
import type { StripeRow } from '../../ports/tracker-store-stripes.ts'
import type { TrackerState } from '../tracker-state.ts'

export type CopyPlace = readonly [index: number, provider: Uint8Array]

/** Who keeps copies of a stripe's shards, each under the first index at which its shard stands. */
export function copiesOf(state: Pick<TrackerState, 'copies'>, { stripe, holders }: StripeRow): CopyPlace[] {
  const { shards } = stripe
  return shards.flatMap(([shard], index) => {
    const kept = state.copies.of(shard)
    if (kept.length === 0 || shards.findIndex(([id]) => equalBytes(id, shard)) !== index) return []
    // Who became a holder since is named as one.
    const isHolder = (id: Uint8Array) =>
      holders.some((row) => equalBytes(row.provider, id) && equalBytes(shards[row.index]![0], shard))
    return kept.filter((id) => !isHolder(id)).map((id) => [index, id] as const)
  })
}
