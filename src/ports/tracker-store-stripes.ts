import type { Stripe } from '../core/open/stripes/stripe.ts'

/** Asked to store it. */
export const HOLDER_PLACED = 0
/** Acknowledged it as durable. */
export const HOLDER_STORED = 1
/** Replaced by another provider; may hold it all the same. */
export const HOLDER_GIVEN_UP = 2
export type HolderState = typeof HOLDER_PLACED | typeof HOLDER_STORED | typeof HOLDER_GIVEN_UP

export interface HolderRow {
  readonly index: number
  readonly provider: Uint8Array
  readonly state: HolderState
  readonly damaged: boolean
}

export interface StripeRow {
  readonly id: Uint8Array
  readonly space: Uint8Array
  /** Who placed it. */
  readonly member: Uint8Array
  readonly stripe: Stripe
  /** Unix milliseconds. */
  readonly leaseUntil: number
  /** At least the happy threshold of shards was durable. */
  readonly sealed: boolean
  /** A committed version names one of its blobs: the lease no longer matters. */
  readonly committed: boolean
  /** Hash of the blobs that it was reported with. */
  readonly blobsHash: Uint8Array | undefined
  /** Draws for it so far. */
  readonly attempts: number
  readonly holders: readonly HolderRow[]
}

export interface BlobRow {
  readonly blob: Uint8Array
  readonly index: number
  readonly offset: number
  readonly length: number
}

export interface BlobLocation extends BlobRow {
  readonly stripe: Uint8Array
  readonly member: Uint8Array
  readonly sealed: boolean
  readonly committed: boolean
}

export interface ListRow {
  readonly bytes: Uint8Array
  readonly committed: boolean
}

export interface DamageRow {
  readonly provider: Uint8Array
  readonly shard: Uint8Array
  /** Unix milliseconds. */
  readonly found: number
  readonly what: 0 | 1
}

/** Committed stripes with the same scheme and the same number of good shards. */
export interface HealthCount {
  readonly k: number
  readonly n: number
  readonly good: number
  readonly stripes: number
}

export interface StripeReader {
  stripe(id: Uint8Array): StripeRow | undefined
  /** Committed stripes of a space by id, after the given one. */
  committedStripes(space: Uint8Array, after: Uint8Array | undefined, limit: number): StripeRow[]
  locations(space: Uint8Array, blob: Uint8Array): BlobLocation[]
  /** How often committed versions name the blob. */
  references(space: Uint8Array, blob: Uint8Array): number
  list(space: Uint8Array, list: Uint8Array): ListRow | undefined
  /** Bytes of a member's lists that no commit has named. */
  uncommittedListBytes(member: Uint8Array): number
  /** Its placement draws, encoded: the one for all of its shards, then the newest for each shard that was placed anew. */
  draws(stripe: Uint8Array): Uint8Array[]
  /** Providers that have still to free any of these shards, or may hold any of them for another space than this. */
  busyWith(shards: readonly Uint8Array[], space: Uint8Array): Uint8Array[]
  /** Some committed stripes of which somebody stores this shard. */
  stripesWith(shard: Uint8Array): Uint8Array[]
  /** Spaces for which this provider may hold this shard. */
  spacesHolding(provider: Uint8Array, shard: Uint8Array): Uint8Array[]
  /** Bytes of shards that providers were asked to store under leases that last beyond `now`. */
  reserved(now: number): { readonly provider: Uint8Array; readonly bytes: number }[]
  /** What each provider is known to store; `goodBytes` are those of shards that aren't known to be damaged. */
  storedBy(): {
    readonly provider: Uint8Array
    readonly shards: number
    readonly bytes: number
    readonly goodBytes: number
  }[]
  health(up: readonly Uint8Array[]): HealthCount[]
  damaged(limit: number): DamageRow[]
  /** Shards that this provider should free. */
  frees(provider: Uint8Array, limit: number): Uint8Array[]
}

export interface StripeWriter extends StripeReader {
  addStripe(row: Omit<StripeRow, 'sealed' | 'committed' | 'blobsHash' | 'holders'>): void
  renewLease(stripe: Uint8Array, until: number): void
  countAttempt(stripe: Uint8Array): void
  /** Keeps an encoded draw: for all shards, or in place of an earlier one for this shard. */
  putDraw(stripe: Uint8Array, index: number | undefined, draw: Uint8Array): void
  /** Adds or changes a holder; storing clears its damage. */
  putHolder(stripe: Uint8Array, index: number, provider: Uint8Array, state: HolderState): void
  /** Marks a stripe as sealed. */
  sealStripe(stripe: Uint8Array): void
  /** Notes its blobs, once. */
  addBlobs(stripe: Uint8Array, hash: Uint8Array, blobs: readonly BlobRow[]): void
  commitStripe(stripe: Uint8Array): void
  /** Counts one more mention of a blob by a committed version. */
  addReference(space: Uint8Array, blob: Uint8Array): void
  putList(space: Uint8Array, list: Uint8Array, member: Uint8Array, bytes: Uint8Array, until: number): void
  commitList(space: Uint8Array, list: Uint8Array): void
  /** Marks the provider's shard as damaged wherever it stands; false when it stands nowhere. */
  markDamaged(row: DamageRow): boolean
  /**
   * Drops what leases that ended before `time` held: uncommitted stripes, given-up holders of committed ones, uncommitted
   * lists. Their shards join the providers' frees where no other stripe needs them. At most `limit` of each; true when there
   * is more.
   */
  expire(time: number, limit: number): boolean
  confirmFreed(provider: Uint8Array, shards: readonly Uint8Array[]): void
}
