/**
 * The bytes of segment files (docs/spec/segment.md). Invariants:
 * - Every header carries the segment's marker, 16 random bytes that never leave this machine. A shard's bytes are chosen
 *   by others; without knowing the marker nobody can plant a record that a search for headers would take for real.
 * - A put record ends with a copy of its header, so that either of them alone tells id and place.
 */
import { Buffer } from 'node:buffer'
import * as zlib from 'node:zlib'
import { SHARD_LEAF_BYTES } from '../../core/open/merkle.ts'
import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'

export const SEGMENT_VERSION = 1
export const SEGMENT_HEADER_BYTES = 64
export const RECORD_HEADER_BYTES = 64
export const MARKER_BYTES = 16
export const FOOTER_ENTRY_BYTES = 44
export const HASH_BYTES = 32
/** A footer is read as a whole: 65,536 entries are 2.9 MB. */
export const MAX_SEGMENT_RECORDS = 65_536

export const PUT = 1
export const DELETE = 2
/** Remembers a shard that was found damaged when its segment was rewritten. */
export const LOST = 3
export const FOOTER = 4
export type RecordType = typeof PUT | typeof DELETE | typeof LOST | typeof FOOTER

const MAGIC = Buffer.from('ALMSEG', 'latin1')
const CLOSING = 0x80
const CRC_AT = 60

export interface SegmentHeader {
  readonly version: number
  readonly marker: Uint8Array
}

export interface RecordHeader {
  readonly type: RecordType
  /** Whether this is the copy at the record's end. */
  readonly closing: boolean
  /** Bytes of the shard; of a footer: of its entries. */
  readonly length: number
  /** The shard's id; of a footer: its flags in the first byte. */
  readonly id: Uint8Array
  /** CRC-32 of the leaf hashes, or of a footer's entries. */
  readonly bodyCrc: number
}

export function encodeSegmentHeader(marker: Uint8Array): Buffer {
  const out = Buffer.alloc(SEGMENT_HEADER_BYTES)
  out.set(MAGIC, 0)
  out.writeUInt16BE(SEGMENT_VERSION, 6)
  out.set(marker, 8)
  out.writeUInt32BE(zlib.crc32(out.subarray(0, CRC_AT)), CRC_AT)
  return out
}

/** The header of a segment file, or undefined when it is damaged or none. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (bytes.readUInt32BE(CRC_AT) !== zlib.crc32(bytes.subarray(0, CRC_AT))) return undefined
  return { version: bytes.readUInt16BE(6), marker: Buffer.from(bytes.subarray(8, 8 + MARKER_BYTES)) }
}

export function encodeRecordHeader(marker: Uint8Array, header: RecordHeader): Buffer {
  const out = Buffer.alloc(RECORD_HEADER_BYTES)
  out.set(marker, 0)
  out[16] = header.closing ? header.type | CLOSING : header.type
  out.writeUInt32BE(header.length, 20)
  out.set(header.id, 24)
  out.writeUInt32BE(header.bodyCrc, 56)
  out.writeUInt32BE(zlib.crc32(out.subarray(0, CRC_AT)), CRC_AT)
  return out
}

function lengthFits(type: number, length: number): boolean {
  if (type === PUT || type === LOST) return length <= MAX_SHARD_BYTES
  if (type === DELETE) return length === 0
  return (
    type === FOOTER && length % FOOTER_ENTRY_BYTES === 0 && length <= MAX_SEGMENT_RECORDS * FOOTER_ENTRY_BYTES
  )
}

/** The record header at `at`, or undefined when the bytes are none of this segment's (of any, without a marker). */
export function decodeRecordHeader(
  bytes: Buffer,
  at: number,
  marker: Uint8Array | undefined,
): RecordHeader | undefined {
  if (at < 0 || at + RECORD_HEADER_BYTES > bytes.length) return undefined
  const header = bytes.subarray(at, at + RECORD_HEADER_BYTES)
  if (marker !== undefined && header.compare(marker, 0, MARKER_BYTES, 0, MARKER_BYTES) !== 0) return undefined
  if (header.readUInt32BE(CRC_AT) !== zlib.crc32(header.subarray(0, CRC_AT))) return undefined
  const code = header[16]!
  const type = code & ~CLOSING
  const closing = code !== type
  const length = header.readUInt32BE(20)
  if (header[17] !== 0 || header[18] !== 0 || header[19] !== 0 || !lengthFits(type, length)) return undefined
  if (closing && (type === DELETE || type === LOST)) return undefined
  return {
    type: type as RecordType,
    closing,
    length,
    id: Buffer.from(header.subarray(24, 56)),
    bodyCrc: header.readUInt32BE(56),
  }
}

/** Bytes of the leaf hashes of a shard of `length` bytes. */
export function leavesBytes(length: number): number {
  return HASH_BYTES * Math.ceil(length / SHARD_LEAF_BYTES)
}

/** Bytes of a whole record, headers included. */
export function recordBytes(type: RecordType, length: number): number {
  if (type === PUT) return 2 * RECORD_HEADER_BYTES + leavesBytes(length) + length
  if (type === FOOTER) return 2 * RECORD_HEADER_BYTES + length
  return RECORD_HEADER_BYTES
}

/** Bytes that a segment takes beside its records and their footer entries. */
export const SEGMENT_OVERHEAD_BYTES = SEGMENT_HEADER_BYTES + 2 * RECORD_HEADER_BYTES
