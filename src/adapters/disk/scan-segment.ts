/**
 * Finds the records of a segment without its footer. Where no record begins, the next header is searched for by the
 * segment's marker: damage in one place hides only what it hits. The payloads aren't read.
 */
import type { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import type { RecordHeader } from './segment-format.ts'
import {
  FOOTER,
  MARKER_BYTES,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeRecordHeader,
  recordBytes,
} from './segment-format.ts'
import type { SegmentRecord } from './segment-footer.ts'
import { readAt } from './read-at.ts'

/** Records of some KiB are found at the price of reading once through; larger ones are hopped over. */
const WINDOW_BYTES = 128 * 1024

export interface ScannedRecord extends SegmentRecord {
  /** Where it should end; beyond the file's end when the file was cut or the write torn. */
  readonly end: number
}

export interface Scan {
  readonly records: readonly ScannedRecord[]
  /** Byte ranges that belong to no record, ascending. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
  /** Where a footer begins, complete or not; else the file's size. */
  readonly end: number
}

class Window {
  readonly #handle: FileHandle
  #bytes: Buffer | undefined
  #from = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** The bytes from `at` on: at least `atLeast` of them unless the file ends before. */
  async from(at: number, atLeast: number): Promise<Buffer> {
    const bytes = this.#bytes
    if (bytes !== undefined && at >= this.#from && at + atLeast <= this.#from + bytes.length) {
      return bytes.subarray(at - this.#from)
    }
    this.#from = at
    this.#bytes = await readAt(this.#handle, at, WINDOW_BYTES)
    return this.#bytes
  }
}

/** Scans the first `size` bytes of a segment file. */
export async function scanSegment(handle: FileHandle, marker: Uint8Array, size: number): Promise<Scan> {
  const window = new Window(handle)
  const records: ScannedRecord[] = []
  const gaps: { from: number; to: number }[] = []
  let at = SEGMENT_HEADER_BYTES
  while (at < size) {
    const header = decodeRecordHeader(await window.from(at, RECORD_HEADER_BYTES), 0, marker)
    if (header !== undefined && !header.closing) {
      if (header.type === FOOTER) return { records, gaps, end: at }
      const record = toRecord(header, at)
      records.push(record)
      at = record.end
      continue
    }
    const found = await findHeader(window, marker, at, size)
    if (found === undefined) {
      gaps.push({ from: at, to: size })
      break
    }
    at = resume(found.header, found.at, at, records, gaps)
  }
  return { records, gaps, end: size }
}

function toRecord(header: RecordHeader, offset: number): ScannedRecord {
  const { type, id, length } = header
  return { type, id, length, offset, end: offset + recordBytes(type, length) }
}

/** Takes in what the header that was found behind a damaged place tells, and returns where to go on. */
function resume(
  header: RecordHeader,
  foundAt: number,
  damagedFrom: number,
  records: ScannedRecord[],
  gaps: { from: number; to: number }[],
): number {
  if (!header.closing) {
    gaps.push({ from: damagedFrom, to: foundAt })
    return foundAt
  }
  const end = foundAt + RECORD_HEADER_BYTES
  const offset = end - recordBytes(header.type, header.length)
  if (offset < damagedFrom || header.type === FOOTER) {
    gaps.push({ from: damagedFrom, to: end })
    return end
  }
  if (offset > damagedFrom) gaps.push({ from: damagedFrom, to: offset })
  records.push(toRecord(header, offset))
  return end
}

async function findHeader(
  window: Window,
  marker: Uint8Array,
  from: number,
  size: number,
): Promise<{ header: RecordHeader; at: number } | undefined> {
  let at = from
  while (at < size) {
    const bytes = await window.from(at, RECORD_HEADER_BYTES)
    const hit = bytes.indexOf(marker)
    if (hit < 0) {
      // A marker may straddle the window's end.
      at += Math.max(1, bytes.length - MARKER_BYTES + 1)
      continue
    }
    const header = decodeRecordHeader(await window.from(at + hit, RECORD_HEADER_BYTES), 0, marker)
    if (header !== undefined) return { header, at: at + hit }
    at += hit + 1
  }
  return undefined
}
