import { describe, expect, it } from 'vitest'
import stripeVectors from '../../../../vectors/stripe.json' with { type: 'json' }
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { decoderConformance } from '../decoder.conformance.ts'
import { fromHex, toHex } from '../bytes.ts'
import { MalformedError } from '../errors.ts'
import { shardId, shardLeaves } from '../merkle.ts'
import {
  happyThreshold,
  MAX_SHARD_BYTES,
  MAX_STRIPE_SHARDS,
  maxShardsPerDomain,
  stripeCodec,
  stripeId,
} from './stripe.ts'

const id = new Uint8Array(32)

describe('stripe', () => {
  it('agrees with the vectors', () => {
    const { blake3 } = nodePrimitives
    for (const vector of stripeVectors.shards) {
      const bytes = Uint8Array.from({ length: vector.length }, (_, i) => (31 * i + (i >> 8)) & 255)
      expect(toHex(shardId(blake3, bytes))).toBe(vector.id)
      expect(shardLeaves(blake3, bytes).slice(0, 4).map(toHex)).toEqual(vector.leaves)
    }
    for (const vector of stripeVectors.stripes) {
      const shards = vector.shards.map(
        ([shard, length]) => [fromHex(String(shard))!, Number(length)] as const,
      )
      const stripe = { k: vector.k, n: vector.n, shards }
      expect(toHex(stripeCodec.encode(stripe))).toBe(vector.encoding)
      expect(toHex(stripeId(nodePrimitives, stripe))).toBe(vector.id)
    }
  })

  it('knows the thresholds of every scheme in use', () => {
    const table = (
      [
        [1, 3],
        [2, 4],
        [3, 5],
        [4, 6],
        [6, 9],
        [10, 14],
      ] as const
    ).map(([k, n]) => [happyThreshold({ k, n }), maxShardsPerDomain({ k, n })])
    expect(table).toEqual([
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
      [8, 3],
      [12, 4],
    ])
  })

  it('bounds shards and lengths', () => {
    const of = (count: number, length: number): Uint8Array =>
      stripeCodec.encode({ k: 1, n: 3, shards: Array.from({ length: count }, () => [id, length] as const) })
    expect(() => of(MAX_STRIPE_SHARDS + 1, 1)).toThrow(MalformedError)
    expect(() => of(1, MAX_SHARD_BYTES + 1)).toThrow(MalformedError)
    expect(of(MAX_STRIPE_SHARDS, MAX_SHARD_BYTES).length).toBeLessThan(8_192)
  })
})

decoderConformance({
  name: 'stripe',
  examples: stripeVectors.stripes.map(({ encoding }) => fromHex(encoding)!),
  decode: (bytes) => stripeCodec.decode(bytes),
  encode: (stripe) => stripeCodec.encode(stripe),
})
