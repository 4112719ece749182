/**
 * A data shard: a run of whole blobs and, behind them, the index that names them (docs/spec/data-shard.md). Invariants:
 * - blobs lie end to end from offset 0 in index order; index and trailer follow at once; nothing else is in a shard.
 * - a shard holds at least one blob, each blob at least one byte, no blob twice.
 * - one set of blobs in one order has one encoding: the shard's id depends on nothing else.
 * The index stands behind the blobs so that a shard can be written while blobs are still coming.
 */
import { MalformedError, UntrustedError, UsageError } from '../errors.ts'
import { allocateBytes } from '../free-bytes.ts'
import { ID_BYTES } from '../objects/suite.ts'
import type { Primitives } from '../primitives.ts'
import { MAX_SHARD_BYTES, MAX_SHARD_PAYLOAD_BYTES } from './stripe.ts'

const DATA_SHARD_VERSION = 1
/** Blob id and its length as 32-bit little-endian. */
export const DATA_SHARD_ENTRY_BYTES = ID_BYTES + 4
/** Count, payload length, version (32-bit little-endian each) and the magic. */
export const DATA_SHARD_TRAILER_BYTES = 16
/** Blobs of one data shard: all of them fit one read request, and a provider's check of a shard stays within milliseconds. */
export const MAX_SHARD_BLOBS = 4_096
/** "ADSH" */
const MAGIC = Uint8Array.of(0x41, 0x44, 0x53, 0x48)

export interface Blob {
  /** BLAKE3 of `bytes`. */
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

export interface DataShardEntry {
  /** A view into the shard's bytes. */
  readonly id: Uint8Array
  readonly offset: number
  readonly length: number
}

export interface DataShardLayout {
  /** Where each blob starts. */
  readonly offsets: readonly number[]
  readonly payloadBytes: number
  /** The whole shard: payload, index, trailer. */
  readonly bytes: number
}

/** Length of a data shard with this payload and number of blobs, bytes. */
export function dataShardBytes(payloadBytes: number, blobs: number): number {
  return payloadBytes + blobs * DATA_SHARD_ENTRY_BYTES + DATA_SHARD_TRAILER_BYTES
}

/** Where everything goes in a data shard with blobs of these lengths; throws MalformedError beyond the limits. */
export function layoutDataShard(lengths: readonly number[]): DataShardLayout {
  const offsets: number[] = []
  let payloadBytes = 0
  for (const length of lengths) {
    if (!Number.isSafeInteger(length) || length < 1)
      throw new MalformedError('a blob has at least one byte', { length })
    offsets.push(payloadBytes)
    payloadBytes += length
  }
  const bytes = dataShardBytes(payloadBytes, lengths.length)
  checkLimits(lengths.length, payloadBytes, bytes)
  return { offsets, payloadBytes, bytes }
}

/**
 * Encodes blobs, in their order, to the start of `into`, of which a view is returned, or to bytes that may be given back with
 * `freeBytes`; throws MalformedError beyond the limits, UsageError when `into` is too short.
 */
export function encodeDataShard(blobs: readonly Blob[], into?: Uint8Array): Uint8Array {
  const layout = layoutDataShard(blobs.map((blob) => blob.bytes.length))
  if (into !== undefined && into.length < layout.bytes)
    throw new UsageError('a buffer too short for this data shard', {
      length: into.length,
      needed: layout.bytes,
    })
  const shard = into?.subarray(0, layout.bytes) ?? allocateBytes(layout.bytes)
  for (const [i, blob] of blobs.entries()) shard.set(blob.bytes, layout.offsets[i]!)
  writeDataShardIndex(
    shard,
    blobs.map((blob) => ({ id: blob.id, length: blob.bytes.length })),
  )
  return shard
}

/**
 * Writes index and trailer at the end of `shard`, whose payload stands (or will stand) at its start; for building a shard
 * in a given buffer of exactly `layoutDataShard(...).bytes`. Throws MalformedError when the buffer has another length.
 */
export function writeDataShardIndex(
  shard: Uint8Array,
  blobs: readonly { readonly id: Uint8Array; readonly length: number }[],
): void {
  const { payloadBytes, bytes } = layoutDataShard(blobs.map((blob) => blob.length))
  if (shard.length !== bytes)
    throw new MalformedError('the buffer of a data shard must have its exact length', {
      length: shard.length,
      expected: bytes,
    })
  const view = viewOf(shard)
  let at = payloadBytes
  for (const blob of blobs) {
    if (blob.id.length !== ID_BYTES)
      throw new MalformedError('a blob id has 32 bytes', { length: blob.id.length })
    shard.set(blob.id, at)
    view.setUint32(at + ID_BYTES, blob.length, true)
    at += DATA_SHARD_ENTRY_BYTES
  }
  view.setUint32(at, blobs.length, true)
  view.setUint32(at + 4, payloadBytes, true)
  view.setUint32(at + 8, DATA_SHARD_VERSION, true)
  shard.set(MAGIC, at + 12)
}

/** The blobs of a data shard, in order; throws MalformedError for anything that encodeDataShard would not have written. */
export function decodeDataShard(shard: Uint8Array): DataShardEntry[] {
  const trailer = shard.length - DATA_SHARD_TRAILER_BYTES
  if (trailer < 0) throw new MalformedError('data shard: shorter than its trailer', { length: shard.length })
  for (const [i, byte] of MAGIC.entries())
    if (shard[trailer + 12 + i] !== byte) throw new MalformedError('not a data shard: no magic at its end')
  const view = viewOf(shard)
  const version = view.getUint32(trailer + 8, true)
  if (version !== DATA_SHARD_VERSION) throw new MalformedError('data shard: unknown version', { version })
  const count = view.getUint32(trailer, true)
  const payloadBytes = view.getUint32(trailer + 4, true)
  checkLimits(count, payloadBytes, shard.length)
  if (dataShardBytes(payloadBytes, count) !== shard.length)
    throw new MalformedError('data shard: payload and index do not fill it', {
      length: shard.length,
      count,
      payloadBytes,
    })

  const entries: DataShardEntry[] = []
  const seen = new Set<string>()
  let offset = 0
  for (let at = payloadBytes; at < trailer; at += DATA_SHARD_ENTRY_BYTES) {
    const id = shard.subarray(at, at + ID_BYTES)
    const length = view.getUint32(at + ID_BYTES, true)
    if (length < 1 || length > payloadBytes - offset)
      throw new MalformedError('data shard: a blob outside of the payload', { offset, length })
    seen.add(String.fromCharCode(...id))
    entries.push({ id, offset, length })
    offset += length
  }
  if (offset !== payloadBytes)
    throw new MalformedError('data shard: payload bytes that no blob covers', { offset, payloadBytes })
  if (seen.size !== count) throw new MalformedError('data shard: a blob twice')
  return entries
}

/**
 * Decodes a data shard and checks every blob against its id, so that nobody can plant bytes under another's id; throws
 * MalformedError, or UntrustedError with the first false blob's id.
 */
export function verifyDataShard(primitives: Pick<Primitives, 'blake3'>, shard: Uint8Array): DataShardEntry[] {
  const entries = decodeDataShard(shard)
  for (const { id, offset, length } of entries) {
    const actual = primitives.blake3(shard.subarray(offset, offset + length))
    for (let i = 0; i < ID_BYTES; i++)
      if (actual[i] !== id[i])
        throw new UntrustedError('a blob of this data shard is not what its id says', {
          blob: id.slice(),
          offset,
        })
  }
  return entries
}

function checkLimits(blobs: number, payloadBytes: number, bytes: number): void {
  if (blobs < 1 || blobs > MAX_SHARD_BLOBS)
    throw new MalformedError(`a data shard holds 1 to ${MAX_SHARD_BLOBS} blobs`, { blobs })
  if (payloadBytes > MAX_SHARD_PAYLOAD_BYTES || bytes > MAX_SHARD_BYTES)
    throw new MalformedError('a data shard holds at most 4 MiB of blobs and 64 KiB of index', {
      payloadBytes,
      bytes,
    })
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
