/**
 * Rebuilds what the store knows from its files:
 * 1. Files that a newer one replaces, and unfinished ones, are removed.
 * 2. Sealed segments are taken in by their footers, in order.
 * 3. The one segment that was open is scanned: behind the last whole record it is cut, unless the watermark says that
 *    what is broken there had been durable; then it is damage, and the segment is sealed with what it has.
 * 4. A segment that should be sealed but has no readable footer is scanned and noted as damaged.
 */
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { FileHandle } from 'node:fs/promises'
import * as path from 'node:path'
import { CapacityError } from '../../core/open/errors.ts'
import { diskError } from './disk-error.ts'
import { readFooter, readMarker } from './load-segment.ts'
import type { ScannedRecord } from './scan-segment.ts'
import { scanSegment } from './scan-segment.ts'
import type { Segment, SegmentName } from './segment.ts'
import { parseSegmentName, replaces } from './segment.ts'
import type { SegmentRecord } from './segment-footer.ts'
import { DELETE, LOST, PUT, SEGMENT_HEADER_BYTES } from './segment-format.ts'
import type { SegmentTable } from './segment-table.ts'
import { SegmentWriter } from './segment-writer.ts'
import { readRecord } from './shard-record.ts'
import { syncFolder } from './sync-folder.ts'
import type { Watermark } from './watermark.ts'

export interface OpenSegment {
  readonly segment: Segment
  readonly writer: SegmentWriter
}

export interface Recovered {
  /** The segment to go on appending to, if there is one. */
  readonly open: OpenSegment | undefined
  /** The highest segment number that was ever given, as far as known. */
  readonly lastNumber: number
  /** Bytes of files that can't be read as segments at all. */
  readonly unreadableBytes: number
  readonly unreadableFiles: number
}

/** Takes a record into the table, as newer than all before it. */
export function applyRecord(
  table: SegmentTable,
  segment: Segment,
  record: SegmentRecord,
  state: 'whole' | 'damaged' = 'whole',
): void {
  const { type, id, offset, length } = record
  if (type === DELETE) {
    segment.deletes++
    table.unpoint(id)
  } else if (type === PUT || type === LOST) {
    table.point(id, { segment: segment.number, offset, length, state: type === LOST ? 'lost' : state })
  }
}

async function listSegments(table: SegmentTable): Promise<SegmentName[]> {
  const { files, folder } = table
  const names: SegmentName[] = []
  let removed = false
  for (const file of await files.readdir(folder)) {
    const name = parseSegmentName(file)
    if (name !== undefined) names.push(name)
    if (!file.endsWith('.segment.tmp')) continue
    await files.unlink(path.join(folder, file))
    removed = true
  }
  const current = names.filter((name) => !names.some((other) => replaces(other, name)))
  const replaced = names.filter((name) => !current.includes(name)).sort((a, b) => a.last - b.last)
  for (const name of replaced) {
    await files.unlink(table.pathOf(name))
    removed = true
  }
  if (removed) await syncFolder(files, folder)
  return current.sort((a, b) => a.last - b.last)
}

export async function recoverSegments(table: SegmentTable, mark: Watermark | undefined): Promise<Recovered> {
  const names = await listSegments(table)
  let open: OpenSegment | undefined
  let unreadableBytes = 0
  let unreadableFiles = 0
  for (const [i, name] of names.entries()) {
    const file = table.pathOf(name)
    const { size } = await table.files.stat(file)
    const marker = await withFile(table, file, (handle) => readMarker(handle, file, size))
    const newest = i === names.length - 1
    const mayBeOpen = name.generation === 0 && newest && (mark === undefined || name.last >= mark.segment)
    if (marker === undefined) {
      const durable = mark !== undefined && mark.segment === name.last ? mark.bytes : 0
      if (mayBeOpen && size <= SEGMENT_HEADER_BYTES && durable === 0) {
        // Died while it was being created: nothing can have been acknowledged in it.
        await table.files.unlink(file)
        await syncFolder(table.files, table.folder)
        continue
      }
      unreadableBytes += size
      unreadableFiles++
      continue
    }
    const segment = table.add(name, marker)
    segment.size = size
    open = await recoverSegment(table, segment, mayBeOpen, mark)
  }
  const lastNumber = Math.max(mark?.segment ?? 0, ...names.slice(-1).map(({ last }) => last))
  return { open, lastNumber, unreadableBytes, unreadableFiles }
}

async function withFile<T>(
  table: SegmentTable,
  file: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await table.files.open(file, 'r')
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

async function recoverSegment(
  table: SegmentTable,
  segment: Segment,
  mayBeOpen: boolean,
  mark: Watermark | undefined,
): Promise<OpenSegment | undefined> {
  const { marker, size } = segment
  const footer = await withFile(table, segment.path, (handle) => readFooter(handle, marker, size))
  if (footer !== undefined) {
    for (const record of footer.records) applyRecord(table, segment, record)
    segment.sealed = true
    segment.damaged = footer.damaged
    return undefined
  }
  if (mayBeOpen) return recoverOpenSegment(table, segment, durableBytes(segment, mark))
  const scan = await withFile(table, segment.path, (handle) => scanSegment(handle, marker, size))
  for (const record of scan.records) {
    applyRecord(table, segment, record, record.end > size ? 'damaged' : 'whole')
  }
  segment.sealed = true
  segment.footerless = true
  segment.damaged = true
  return undefined
}

/** Bytes of the open segment that were acknowledged; undefined when that isn't known. */
function durableBytes(segment: Segment, mark: Watermark | undefined): number | undefined {
  if (mark === undefined) return undefined
  return mark.segment === segment.last ? mark.bytes : SEGMENT_HEADER_BYTES
}

interface KeptRecord extends ScannedRecord {
  readonly state: 'whole' | 'damaged'
}

async function recoverOpenSegment(
  table: SegmentTable,
  segment: Segment,
  durable: number | undefined,
): Promise<OpenSegment | undefined> {
  const { marker, path, size } = segment
  const { kept, torn, damaged } = await withFile(table, path, (handle) =>
    judgeOpenSegment(table, handle, segment, durable),
  )
  const end = kept.reduce((end, record) => Math.max(end, Math.min(record.end, size)), SEGMENT_HEADER_BYTES)
  const cutAt = Math.max(end, Math.min(durable ?? 0, size))
  const writer = await SegmentWriter.resume(table.files, path, marker, cutAt, kept)
  for (const record of kept) applyRecord(table, segment, record, record.state)
  segment.size = cutAt
  segment.damaged = damaged
  if (!damaged && !torn && kept.every(({ state }) => state === 'whole')) return { segment, writer }
  writer.footer.damaged = damaged
  await sealRecovered(segment, writer)
  return undefined
}

/** Splits what a scan found into what counts and what a crash had torn. */
async function judgeOpenSegment(
  table: SegmentTable,
  handle: FileHandle,
  segment: Segment,
  durable: number | undefined,
): Promise<{ kept: KeptRecord[]; torn: boolean; damaged: boolean }> {
  const { marker, size } = segment
  const { records, gaps } = await scanSegment(handle, marker, size)
  const good: boolean[] = []
  for (const record of records) {
    const known = durable !== undefined && record.end <= Math.min(durable, size)
    good.push(
      known ||
        (record.end <= size && (record.type !== PUT || (await isWhole(table, handle, marker, record)))),
    )
  }
  const lastGood = records[good.lastIndexOf(true)]
  const acknowledged = durable ?? lastGood?.end ?? 0
  const kept = records.flatMap((record, i): KeptRecord[] => {
    if (good[i] === true) return [{ ...record, state: 'whole' }]
    return record.offset < acknowledged ? [{ ...record, state: 'damaged' }] : []
  })
  // A torn record between whole ones can't be cut off; a footer that leaves it out does as well.
  const torn =
    records.some((record, i) => !good[i] && record.end <= (lastGood?.offset ?? 0)) ||
    gaps.some((gap) => gap.to <= (lastGood?.offset ?? 0))
  const damaged = gaps.some((gap) => gap.from < acknowledged) || (durable !== undefined && size < durable)
  return { kept, torn, damaged }
}

async function isWhole(
  table: SegmentTable,
  handle: FileHandle,
  marker: Uint8Array,
  record: ScannedRecord,
): Promise<boolean> {
  const found = await readRecord(table.hash, handle, { marker, ...record })
  if (found !== undefined) freeBytes(found.payload)
  return found !== undefined
}

/** Seals a damaged segment with the records that are left; on a full disk it stays without a footer and is scanned again. */
async function sealRecovered(segment: Segment, writer: SegmentWriter): Promise<void> {
  try {
    await writer.seal()
    segment.size = writer.size
  } catch (error) {
    if (!(diskError('seal a segment', error) instanceof CapacityError)) throw error
    segment.footerless = true
    await writer.cutBack()
  } finally {
    await writer.close()
  }
  segment.sealed = true
}
