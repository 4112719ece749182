/**
 * Packs a stream of sealed blobs into stripes of up to k data shards. Invariants:
 * - the result depends on the sequence of blobs and on k alone.
 * - a blob is never cut, and is once in a stripe; every data shard keeps the limits of its format, index included.
 * - no data shard is empty: a stripe of fewer than k blobs has as many data shards as blobs. The caller keeps the
 *   number of parity shards, so a small stripe survives the same losses as a full one (1 blob at 4+2: 1+2).
 * - within a shard blobs keep their order of arrival.
 *
 * Each blob goes to the emptiest open shard, the first of equals; a stripe is full when the next blob fits none. Parity is
 * as long as the longest data shard, so every byte that shards differ by is paid m times: a closing stripe is dealt
 * again, largest blobs first, and the more even of both dealings is taken.
 */
import type { Blob } from './data-shard.ts'
import { dataShardBytes, MAX_SHARD_BLOBS } from './data-shard.ts'
import { MalformedError, UsageError } from '../errors.ts'
import { MAX_SHARD_BYTES, MAX_SHARD_PAYLOAD_BYTES, MAX_STRIPE_SHARDS } from './stripe.ts'

/** Blobs of one stripe: what one report of a stripe to the tracker may list. */
const MAX_STRIPE_BLOBS = 65_536

export interface PackerLimits {
  readonly shardPayloadBytes: number
  readonly shardBytes: number
  readonly shardBlobs: number
  readonly stripeBlobs: number
}

export const PACKER_LIMITS: PackerLimits = {
  shardPayloadBytes: MAX_SHARD_PAYLOAD_BYTES,
  shardBytes: MAX_SHARD_BYTES,
  shardBlobs: MAX_SHARD_BLOBS,
  stripeBlobs: MAX_STRIPE_BLOBS,
}

export interface PackedStripe<B extends Blob> {
  /** The blobs of each data shard, 1 to k shards, none empty; encode each with `encodeDataShard`. */
  readonly shards: readonly (readonly B[])[]
}

export interface Packer<B extends Blob> {
  /**
   * Takes a blob; returns the stripe that it filled up, which does not hold it: it opens the next one. A blob that the open
   * stripe holds already changes nothing. Throws MalformedError for a blob that fits no shard.
   */
  add(blob: B): PackedStripe<B> | undefined
  /** Closes the open stripe, if there is one. */
  flush(): PackedStripe<B> | undefined
  /** Bytes of the blobs in the open stripe. */
  readonly openBytes: number
}

interface Bin {
  bytes: number
  /** Places in the stripe's order of arrival. */
  readonly places: number[]
}

/** A packer for stripes of at most k data shards; throws UsageError for a k out of range. */
export function createPacker<B extends Blob>(k: number, limits: PackerLimits = PACKER_LIMITS): Packer<B> {
  if (!Number.isInteger(k) || k < 1 || k > MAX_STRIPE_SHARDS)
    throw new UsageError(`a stripe has 1 to ${MAX_STRIPE_SHARDS} data shards`, { k })
  let blobs: B[] = []
  let bins = emptyBins(k)
  let seen = new Set<string>()
  let openBytes = 0

  function close(): PackedStripe<B> | undefined {
    if (blobs.length === 0) return undefined
    const dealt = evener(
      bins,
      dealLargestFirst(
        blobs.map((blob) => blob.bytes.length),
        k,
        limits,
      ),
    )
    const shards = dealt
      .filter((bin) => bin.places.length > 0)
      .map((bin) => bin.places.toSorted((a, b) => a - b).map((place) => blobs[place]!))
    blobs = []
    bins = emptyBins(k)
    seen = new Set()
    openBytes = 0
    return { shards }
  }

  return {
    add(blob) {
      const length = blob.bytes.length
      if (length < 1 || !fits({ bytes: 0, places: [] }, length, limits))
        throw new MalformedError('a blob must have at least one byte and fit a data shard', { length })
      const key = String.fromCharCode(...blob.id)
      if (seen.has(key)) return undefined
      let bin = blobs.length < limits.stripeBlobs ? emptiest(bins, length, limits) : undefined
      let full: PackedStripe<B> | undefined
      if (bin === undefined) {
        full = close()
        bin = bins[0]!
      }
      bin.places.push(blobs.length)
      bin.bytes += length
      blobs.push(blob)
      seen.add(key)
      openBytes += length
      return full
    },
    flush: close,
    get openBytes() {
      return openBytes
    },
  }
}

function emptyBins(k: number): Bin[] {
  return Array.from({ length: k }, () => ({ bytes: 0, places: [] }))
}

function fits(bin: Bin, length: number, limits: PackerLimits): boolean {
  const payload = bin.bytes + length
  const blobs = bin.places.length + 1
  return (
    blobs <= limits.shardBlobs &&
    payload <= limits.shardPayloadBytes &&
    dataShardBytes(payload, blobs) <= limits.shardBytes
  )
}

function emptiest(bins: readonly Bin[], length: number, limits: PackerLimits): Bin | undefined {
  let best: Bin | undefined
  for (const bin of bins)
    if ((best === undefined || bin.bytes < best.bytes) && fits(bin, length, limits)) best = bin
  return best
}

/** Deals in descending length, equals in order of arrival; undefined when that doesn't fit the limits. */
function dealLargestFirst(
  lengths: readonly number[],
  k: number,
  limits: PackerLimits,
): readonly Bin[] | undefined {
  const bins = emptyBins(k)
  const order = lengths.map((_, place) => place).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  for (const place of order) {
    const length = lengths[place]!
    const bin = emptiest(bins, length, limits)
    if (bin === undefined) return undefined
    bin.places.push(place)
    bin.bytes += length
  }
  return bins
}

function longest(bins: readonly Bin[]): number {
  return Math.max(...bins.map((bin) => dataShardBytes(bin.bytes, bin.places.length)))
}

function evener(first: readonly Bin[], second: readonly Bin[] | undefined): readonly Bin[] {
  return second !== undefined && longest(second) < longest(first) ? second : first
}
