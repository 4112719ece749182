/** Reading and verifying put records: nothing that fails a check gets out of here. */
import type { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import { equalBytes } from '../../core/open/bytes.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { HashFunction } from '../../core/open/merkle.ts'
import { SHARD_LEAF_BYTES, merkleRoot, shardLeaves } from '../../core/open/merkle.ts'
import type { ShardRange } from '../../ports/shard-store.ts'
import {
  HASH_BYTES,
  PUT,
  RECORD_HEADER_BYTES,
  decodeRecordHeader,
  leavesBytes,
  recordBytes,
} from './segment-format.ts'
import { readAt } from './read-at.ts'

export interface RecordPlace {
  readonly marker: Uint8Array
  readonly id: Uint8Array
  readonly offset: number
  readonly length: number
}

export interface ShardRecord {
  /** The leaf hashes, one after the other. */
  readonly leaves: Buffer
  readonly payload: Buffer
}

/** The leaf hashes in a record's beginning, or undefined when anything there is damaged. */
function decodeLeaves(bytes: Buffer, place: RecordPlace): Buffer | undefined {
  const header = decodeRecordHeader(bytes, 0, place.marker)
  if (header === undefined || header.type !== PUT || header.closing) return undefined
  if (header.length !== place.length || !equalBytes(header.id, place.id)) return undefined
  const leaves = bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + leavesBytes(place.length))
  if (leaves.length !== leavesBytes(place.length) || zlib.crc32(leaves) !== header.bodyCrc) return undefined
  return leaves
}

function splitLeaves(leaves: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0; at < leaves.length; at += HASH_BYTES) out.push(leaves.slice(at, at + HASH_BYTES))
  return out
}

/** The whole record, every byte of it verified up to the shard's id, the caller's to free; undefined when any is damaged. */
export async function readRecord(
  hash: HashFunction,
  handle: FileHandle,
  place: RecordPlace,
): Promise<ShardRecord | undefined> {
  const size = recordBytes(PUT, place.length)
  const bytes = await readAt(handle, place.offset, size)
  if (bytes.length !== size) return undefined
  const leaves = decodeLeaves(bytes, place)
  if (leaves === undefined) return undefined
  const closing = decodeRecordHeader(bytes, size - RECORD_HEADER_BYTES, place.marker)
  if (closing === undefined || closing.type !== PUT || !closing.closing) return undefined
  if (closing.length !== place.length || !equalBytes(closing.id, place.id)) return undefined
  const payload = bytes.subarray(RECORD_HEADER_BYTES + leaves.length, size - RECORD_HEADER_BYTES)
  const computed = shardLeaves(hash, payload)
  if (computed.some((leaf, i) => !equalBytes(leaf, leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)))) {
    return undefined
  }
  return equalBytes(merkleRoot(hash, computed), place.id) ? { leaves, payload } : undefined
}

/** The leaf hashes, verified up to the shard's id; undefined when they are damaged. */
export async function readLeaves(
  hash: HashFunction,
  handle: FileHandle,
  place: RecordPlace,
): Promise<Uint8Array[] | undefined> {
  const leaves = decodeLeaves(await readAt(handle, place.offset, beginningBytes(place.length)), place)
  if (leaves === undefined) return undefined
  const hashes = splitLeaves(leaves)
  return equalBytes(merkleRoot(hash, hashes), place.id) ? hashes : undefined
}

function beginningBytes(length: number): number {
  return RECORD_HEADER_BYTES + leavesBytes(length)
}

/** A run of neighbouring leaves: [from, to). */
interface LeafRun {
  readonly from: number
  to: number
}

function leafRuns(ranges: readonly ShardRange[]): LeafRun[] {
  const touched = ranges
    .filter(({ length }) => length > 0)
    .map(({ offset, length }) => ({
      from: Math.floor(offset / SHARD_LEAF_BYTES),
      to: Math.ceil((offset + length) / SHARD_LEAF_BYTES),
    }))
    .sort((a, b) => a.from - b.from)
  const runs: LeafRun[] = []
  for (const run of touched) {
    const last = runs.at(-1)
    if (last !== undefined && run.from <= last.to) last.to = Math.max(last.to, run.to)
    else runs.push(run)
  }
  return runs
}

/**
 * The bytes of `ranges` (within the shard) one after the other; reads and verifies only the leaves that they touch.
 * Undefined when one of those, or the list of leaf hashes, is damaged. The result is the caller's to free.
 */
export async function readRanges(
  hash: HashFunction,
  handle: FileHandle,
  place: RecordPlace,
  ranges: readonly ShardRange[],
): Promise<Uint8Array | undefined> {
  const runs = leafRuns(ranges)
  const payloadAt = beginningBytes(place.length)
  const firstEnd = runs[0]?.from === 0 ? Math.min(runs[0].to * SHARD_LEAF_BYTES, place.length) : 0
  // One read does for a run at the shard's beginning, hence for whole shards and small ones.
  const beginning = await readAt(handle, place.offset, payloadAt + firstEnd)
  const leaves = decodeLeaves(beginning, place)
  if (leaves === undefined) return undefined
  const pieces: { from: number; bytes: Buffer }[] = []
  for (const run of runs) {
    const from = run.from * SHARD_LEAF_BYTES
    const length = Math.min(run.to * SHARD_LEAF_BYTES, place.length) - from
    const bytes =
      from === 0
        ? beginning.subarray(payloadAt, payloadAt + length)
        : await readAt(handle, place.offset + payloadAt + from, length)
    if (bytes.length !== length || !leavesMatch(hash, bytes, leaves, run.from)) return undefined
    pieces.push({ from, bytes })
  }
  if (firstEnd === 0) freeBytes(beginning)
  return cutOut(pieces, ranges)
}

function leavesMatch(hash: HashFunction, bytes: Uint8Array, leaves: Uint8Array, first: number): boolean {
  return shardLeaves(hash, bytes).every((leaf, i) => {
    const at = (first + i) * HASH_BYTES
    return equalBytes(leaf, leaves.subarray(at, at + HASH_BYTES))
  })
}

function cutOut(
  pieces: readonly { readonly from: number; readonly bytes: Buffer }[],
  ranges: readonly ShardRange[],
): Uint8Array {
  const only = pieces[0]
  const first = ranges[0]
  if (first !== undefined && only !== undefined && isOneRun(ranges)) {
    const last = ranges.at(-1) ?? first
    return only.bytes.subarray(first.offset - only.from, last.offset - only.from + last.length)
  }
  const out = new Uint8Array(ranges.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const { offset, length } of ranges) {
    if (length === 0) continue
    const piece = pieces.findLast(({ from }) => from <= offset)!
    out.set(piece.bytes.subarray(offset - piece.from, offset - piece.from + length), at)
    at += length
  }
  for (const { bytes } of pieces) freeBytes(bytes)
  return out
}

/** Whether each range begins where the one before it ends, as the blobs of a shard do that is read as a whole. */
function isOneRun(ranges: readonly ShardRange[]): boolean {
  return ranges.every((range, i) => {
    const before = ranges[i - 1]
    return range.length > 0 && (before === undefined || before.offset + before.length === range.offset)
  })
}
