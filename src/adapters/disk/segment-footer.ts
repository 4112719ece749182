/** The footer of a sealed segment: a record of type FOOTER whose body lists all other records. */
import { Buffer } from 'node:buffer'
import * as zlib from 'node:zlib'
import type { RecordType } from './segment-format.ts'
import {
  DELETE,
  FOOTER,
  FOOTER_ENTRY_BYTES,
  LOST,
  MAX_SEGMENT_RECORDS,
  PUT,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeRecordHeader,
  encodeRecordHeader,
} from './segment-format.ts'
import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'

export interface SegmentRecord {
  readonly type: RecordType
  readonly id: Uint8Array
  /** Bytes of the shard. */
  readonly length: number
  /** Where in the file the record begins. */
  readonly offset: number
}

/** Collects the entries of one segment, 44 bytes each. */
export class FooterBuilder {
  #entries = Buffer.alloc(64 * FOOTER_ENTRY_BYTES)
  #count = 0
  /** Set when the segment has damage that can't be ascribed to a shard. */
  damaged = false

  get count(): number {
    return this.#count
  }

  add(record: SegmentRecord): void {
    const at = this.#count * FOOTER_ENTRY_BYTES
    if (at === this.#entries.length) {
      this.#entries = Buffer.concat([this.#entries, Buffer.alloc(this.#entries.length)])
    }
    this.#entries[at] = record.type
    this.#entries.writeUInt32BE(record.offset, at + 4)
    this.#entries.writeUInt32BE(record.length, at + 8)
    this.#entries.set(record.id, at + 12)
    this.#count++
  }

  /** The footer's bytes. */
  encode(marker: Uint8Array): Buffer {
    const entries = this.#entries.subarray(0, this.#count * FOOTER_ENTRY_BYTES)
    const id = Buffer.alloc(32)
    id[0] = this.damaged ? 1 : 0
    const header = {
      type: FOOTER,
      closing: false,
      length: entries.length,
      id,
      bodyCrc: zlib.crc32(entries),
    } as const
    return Buffer.concat([
      encodeRecordHeader(marker, header),
      entries,
      encodeRecordHeader(marker, { ...header, closing: true }),
    ])
  }
}

export interface Footer {
  readonly records: readonly SegmentRecord[]
  readonly damaged: boolean
}

/** How many bytes before the end the footer with this closing header begins, or undefined when it is none. */
export function footerBytes(closing: Buffer, marker: Uint8Array): number | undefined {
  const header = decodeRecordHeader(closing, 0, marker)
  if (header === undefined || header.type !== FOOTER || !header.closing) return undefined
  return 2 * RECORD_HEADER_BYTES + header.length
}

/** A footer's records, ascending by offset, or undefined when anything in it is damaged; `start` is its place in the file. */
export function decodeFooter(bytes: Buffer, marker: Uint8Array, start: number): Footer | undefined {
  const header = decodeRecordHeader(bytes, 0, marker)
  if (header === undefined || header.type !== FOOTER || header.closing) return undefined
  if (bytes.length !== 2 * RECORD_HEADER_BYTES + header.length) return undefined
  const entries = bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + header.length)
  if (zlib.crc32(entries) !== header.bodyCrc || header.id[0]! > 1) return undefined
  const records: SegmentRecord[] = []
  let previous = SEGMENT_HEADER_BYTES - 1
  for (let at = 0; at < entries.length; at += FOOTER_ENTRY_BYTES) {
    const type = entries[at]
    const offset = entries.readUInt32BE(at + 4)
    const length = entries.readUInt32BE(at + 8)
    if (type !== PUT && type !== DELETE && type !== LOST) return undefined
    if (offset <= previous || offset >= start || length > MAX_SHARD_BYTES) return undefined
    previous = offset
    records.push({
      type,
      offset,
      length,
      id: Buffer.from(entries.subarray(at + 12, at + FOOTER_ENTRY_BYTES)),
    })
  }
  return records.length <= MAX_SEGMENT_RECORDS ? { records, damaged: header.id[0] === 1 } : undefined
}
