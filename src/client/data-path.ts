/** The hot part of put as one interface: on this thread (`inlineDataPath`) or on workers, with the same results. */
import type { CodedStripe } from '../core/open/code-stripe.ts'
import { codeStripe } from '../core/open/code-stripe.ts'
import type { Primitives } from '../core/open/primitives.ts'
import type { Scheme } from '../core/open/stripe.ts'
import type { SealedBlob } from '../core/secret/blob.ts'
import { sealBlob } from '../core/secret/blob.ts'
import { spaceDedupKeys } from '../core/secret/dedup-keys.ts'

/** The secret of a deduplication domain, in a form that crosses to a worker. */
export interface DedupSecret {
  /** The space id for the default domain. */
  readonly domain: Uint8Array
  readonly epoch: number
  readonly secret: Uint8Array
}

export type { CodedStripe }
export { codeStripe }

export interface DataPath {
  /** Seals the chunks of `buffer` that end at `ends` (ascending; the first starts at 0). The buffer is free again afterwards. */
  seal(dedup: DedupSecret, buffer: Uint8Array, ends: readonly number[]): Promise<readonly SealedBlob[]>
  /** Computes parity and shard ids. */
  code(scheme: Scheme, dataShards: readonly Uint8Array[]): Promise<CodedStripe>
  close(): Promise<void>
}

export function sealChunks(
  primitives: Primitives,
  dedup: DedupSecret,
  buffer: Uint8Array,
  ends: readonly number[],
): SealedBlob[] {
  const keys = spaceDedupKeys(primitives, dedup.secret, dedup.domain, dedup.epoch)
  let start = 0
  return ends.map((end) => {
    const sealed = sealBlob(primitives, keys, buffer.subarray(start, end), { compress: true })
    start = end
    return sealed
  })
}

export function inlineDataPath(primitives: Primitives): DataPath {
  return {
    seal: (dedup, buffer, ends) => Promise.resolve(sealChunks(primitives, dedup, buffer, ends)),
    code: (scheme, dataShards) => Promise.resolve(codeStripe(primitives, scheme, dataShards)),
    close: () => Promise.resolve(),
  }
}
