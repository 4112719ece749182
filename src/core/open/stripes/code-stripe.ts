/**
 * Parity and shard ids of a stripe in one pass over its data: a leaf is hashed while the code has it in the cache, with the
 * leaf's prefix already in front.
 */
import { encodeParity } from './erasure-code.ts'
import { merkleRoot } from '../merkle.ts'
import type { Primitives } from '../primitives.ts'
import type { Scheme } from './stripe.ts'

export interface CodedStripe {
  /** Parity shards, in order. */
  readonly parity: readonly Uint8Array[]
  /** Ids of all shards, data first. */
  readonly ids: readonly Uint8Array[]
}

/**
 * The parity of k data shards and the ids of all n, as `encodeParity` and `shardId` give them; `into` may hold buffers for the
 * parity. Throws a UsageError for a scheme, count or size beyond the limits.
 */
export function codeStripe(
  { blake3 }: Pick<Primitives, 'blake3'>,
  scheme: Scheme,
  dataShards: readonly Uint8Array[],
  into?: readonly Uint8Array[],
): CodedStripe {
  const leaves = Array.from({ length: scheme.n }, (): Uint8Array[] => [])
  const parity = encodeParity(scheme, dataShards, into, (shard, block) => {
    leaves[shard]!.push(blake3(block))
  })
  return { parity, ids: leaves.map((hashes) => merkleRoot(blake3, hashes)) }
}
