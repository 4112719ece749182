import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import type { Random } from '../../ports/random.ts'

/** One shard at one provider, as the tracker says. */
export interface Holding {
  readonly index: number
  readonly provider: Uint8Array
  /** The provider is up, and the shard not known to be damaged. */
  readonly up: boolean
  /** May be gone at any time, without a fault of the provider's. */
  readonly isCopy: boolean
}

/** Who has shards of a stripe, in an order that chance gives: among equals the first is asked, so readers spread over them. */
export function holdingsOf({ holders, copies = [] }: StripeView, random: Random): Holding[] {
  const all = [
    ...holders.map(([index, provider, up]) => ({ index, provider, up, isCopy: false })),
    // Only copies at providers that are up are told of.
    ...copies.map(([index, provider]) => ({ index, provider, up: true, isCopy: true })),
  ]
  const bytes = random.bytes(4 * all.length)
  const keys = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return all
    .map((holding, i) => ({ holding, key: keys.getUint32(4 * i) }))
    .sort((a, b) => a.key - b.key)
    .map(({ holding }) => holding)
}
