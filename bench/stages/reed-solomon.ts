import { randomFillSync } from 'node:crypto'
import { encodeParity, reconstruct } from '../../src/core/open/stripes/erasure-code.ts'
import type { Scheme } from '../../src/core/open/stripes/stripe.ts'
import { bestRate } from './best-rate.ts'

export interface ReedSolomonRates {
  /** Data bytes coded into given buffers. */
  readonly encode: number
  /** Data bytes of stripes whose first n - k data shards were lost and rebuilt. */
  readonly decode: number
}

/** MB/s of data (without parity) for stripes of full shards of random bytes. */
export function measureReedSolomon(scheme: Scheme, shardBytes = 4 * 1024 * 1024): ReedSolomonRates {
  const { k, n } = scheme
  const data = Array.from({ length: k }, () => randomFillSync(new Uint8Array(shardBytes)))
  const parity = Array.from({ length: n - k }, () => new Uint8Array(shardBytes))
  const bytes = k * shardBytes
  const encode = bestRate(bytes, () => encodeParity(scheme, data, parity))
  const lengths = Array.from({ length: n }, () => shardBytes)
  const lost = Array.from({ length: Math.min(k, n - k) }, (_, index) => index)
  const left = [...data, ...parity].map((shard, index) => (index < lost.length ? undefined : shard))
  return { encode, decode: bestRate(bytes, () => reconstruct(scheme, left, lengths, lost)) }
}
