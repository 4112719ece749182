/** Stripes and schemes: k data shards and n-k parity shards, coded together. */
import { taggedHash } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import type { ValueOf } from '../schema.ts'
import { array, codec, struct, tuple, uint } from '../schema.ts'
import { id } from '../objects/suite.ts'

/** Shards of a stripe: the code's matrices stay small and a stripe fits the pools that we build for. */
export const MAX_STRIPE_SHARDS = 64
/** The blobs of a data shard; bounds what a provider buffers, what a repair reads, and a message. */
export const MAX_SHARD_PAYLOAD_BYTES = 4 * 1024 * 1024
/** A data shard with its index: 4 MiB of the smallest blobs would need more, so packing counts the index in. */
export const MAX_SHARD_BYTES = MAX_SHARD_PAYLOAD_BYTES + 64 * 1024

export interface Scheme {
  readonly k: number
  readonly n: number
}

export const stripeField = struct({
  k: [0, uint(MAX_STRIPE_SHARDS)],
  n: [1, uint(MAX_STRIPE_SHARDS)],
  /** Shard id and length in bytes, data shards first. */
  shards: [2, array(tuple(id, uint(MAX_SHARD_BYTES)), MAX_STRIPE_SHARDS)],
})
export type Stripe = ValueOf<typeof stripeField>
export const stripeCodec = codec('stripe', stripeField, 8_192)

/** H("stripe", CBOR of k, n, shard ids and lengths). */
export function stripeId(primitives: Primitives, stripe: Stripe): Uint8Array {
  return taggedHash(primitives, 'stripe', stripeCodec.encode(stripe))
}

/** The shards that must be durable before a put may succeed: k + ceil(m / 2). */
export function happyThreshold({ k, n }: Scheme): number {
  return k + Math.ceil((n - k) / 2)
}

/** The most shards of a stripe in one failure domain where the pool is wide enough. */
export function maxShardsPerDomain({ k, n }: Scheme): number {
  return Math.max(1, Math.min(k - 1, n - k))
}
