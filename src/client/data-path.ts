/**
 * The hot part of put as one interface: on this thread (`inlineDataPath`) or on workers, with the same results. Large buffers
 * have one owner at a time, who frees them at once when they are used up: left to the garbage collector they make it run
 * every few megabytes, which costs more than the work itself.
 */
import { codeStripe } from '../core/open/stripes/code-stripe.ts'
import type { Blob } from '../core/open/stripes/data-shard.ts'
import { encodeDataShard } from '../core/open/stripes/data-shard.ts'
import { freeBytes } from '../core/open/free-bytes.ts'
import type { Primitives } from '../core/open/primitives.ts'
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

export interface SealedBatch {
  /** Each with a buffer of its own. */
  readonly blobs: readonly SealedBlob[]
  /** The memory that was given, for the next batch. */
  readonly buffer: Uint8Array<ArrayBuffer>
}

export interface CodedShards {
  /** All n shards, data first. To be given back with `release`. */
  readonly shards: readonly Uint8Array[]
  readonly ids: readonly Uint8Array[]
}

export interface DataPath {
  /**
   * Seals the chunks of `buffer` that end at `ends` (ascending; the first starts at 0). The buffer is away until it comes back
   * with the result, and lost when this fails.
   */
  seal(dedup: DedupSecret, buffer: Uint8Array<ArrayBuffer>, ends: readonly number[]): Promise<SealedBatch>
  /** Makes a stripe of these data shards and `parity` more. Takes the blobs' bytes for good: they are empty from now on. */
  code(dataShards: readonly (readonly Blob[])[], parity: number): Promise<CodedShards>
  /** Takes back shards that `code` made, once nobody reads or sends them any more; another stripe will lie in their place. */
  release(shards: readonly Uint8Array[]): void
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

/** Encodes a data shard, to `into` if it is given, and frees its blobs' bytes. */
export function takeDataShard(blobs: readonly Blob[], into?: Uint8Array): Uint8Array {
  const shard = encodeDataShard(blobs, into)
  for (const { bytes } of blobs) freeBytes(bytes)
  return shard
}

/** Adds `parity` shards to data shards, which stay as they are; `into` may hold buffers for them. */
export function codeShards(
  primitives: Primitives,
  dataShards: readonly Uint8Array[],
  parity: number,
  into?: readonly Uint8Array[],
): CodedShards {
  const scheme = { k: dataShards.length, n: dataShards.length + parity }
  const coded = codeStripe(primitives, scheme, dataShards, into)
  return { shards: [...dataShards, ...coded.parity], ids: coded.ids }
}

export function inlineDataPath(primitives: Primitives): DataPath {
  return {
    seal: (dedup, buffer, ends) =>
      Promise.resolve({ blobs: sealChunks(primitives, dedup, buffer, ends), buffer }),
    code: (dataShards, parity) =>
      Promise.resolve(
        codeShards(
          primitives,
          dataShards.map((blobs) => takeDataShard(blobs)),
          parity,
        ),
      ),
    release: (shards) => shards.forEach(freeBytes),
    close: () => Promise.resolve(),
  }
}
