/**
 * One segment file and what is known of it. Its name says which segment numbers its content stands for and how often it
 * was rewritten: `<first>-<last>-<generation>.segment`. Of two files, one that covers the other's numbers in a higher
 * generation replaces it. Order of numbers, then of offsets, is the order in which things happened.
 */
import {
  FOOTER_ENTRY_BYTES,
  LOST,
  PUT,
  RECORD_HEADER_BYTES,
  SEGMENT_OVERHEAD_BYTES,
  recordBytes,
} from './segment-format.ts'
import type { IndexEntry } from './shard-index.ts'

const NAME = /^(\d{10})-(\d{10})-(\d{10})\.segment$/
/** Numbers stay exact in ten digits and in a cursor's four bytes. */
const MAX_NUMBER = 0xffff_ffff

export interface SegmentName {
  readonly first: number
  readonly last: number
  readonly generation: number
}

export interface Segment extends SegmentName {
  /** Unique among the segments of this process, from 1; what the index points to. */
  readonly number: number
  readonly path: string
  readonly marker: Uint8Array
  /** Bytes of the file. */
  size: number
  sealed: boolean
  /** Has no readable footer although it should: rewriting it helps. */
  footerless: boolean
  /** Whether it has damage that can't be ascribed to a shard. */
  damaged: boolean
  /** What the index points to. */
  liveRecords: number
  liveBytes: number
  /** Delete records. */
  deletes: number
  /** Operations that read it now. */
  users: number
  /** Called when the last of them ends. */
  onIdle: (() => void) | undefined
}

export function formatSegmentName({ first, last, generation }: SegmentName): string {
  return `${[first, last, generation].map((part) => String(part).padStart(10, '0')).join('-')}.segment`
}

export function parseSegmentName(name: string): SegmentName | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  const [first, last, generation] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (first < 1 || first > last || last > MAX_NUMBER || generation > MAX_NUMBER) return undefined
  return { first, last, generation }
}

/** Whether `a` was written to stand in for `b`. */
export function replaces(a: SegmentName, b: SegmentName): boolean {
  return a.first <= b.first && b.last <= a.last && a.generation > b.generation
}

export function newSegment(number: number, name: SegmentName, path: string, marker: Uint8Array): Segment {
  return {
    first: name.first,
    last: name.last,
    generation: name.generation,
    number,
    path,
    marker,
    size: 0,
    sealed: false,
    footerless: false,
    damaged: false,
    liveRecords: 0,
    liveBytes: 0,
    deletes: 0,
    users: 0,
    onIdle: undefined,
  }
}

/** Counts an index entry in (`sign` 1) or out (-1). */
export function countEntry(segment: Segment, entry: IndexEntry, sign: 1 | -1): void {
  segment.liveRecords += sign
  segment.liveBytes += sign * recordBytes(entry.state === 'lost' ? LOST : PUT, entry.length)
}

/** Bytes of the file that would stand in for these sealed segments; 0 when nothing of them is needed. */
export function rewrittenBytes(segments: readonly Segment[], keepDeletes: boolean): number {
  let records = 0
  let bytes = 0
  for (const segment of segments) {
    const deletes = keepDeletes ? segment.deletes : 0
    records += segment.liveRecords + deletes
    bytes += segment.liveBytes + deletes * RECORD_HEADER_BYTES
  }
  return records === 0 ? 0 : SEGMENT_OVERHEAD_BYTES + bytes + records * FOOTER_ENTRY_BYTES
}
