/**
 * Gives garbage back: runs of neighbouring segments are rewritten into one file without it.
 * 1. The new file is written under a temporary name, sealed and synced.
 * 2. Renamed; from now on it replaces the old ones at any restart.
 * 3. The index is pointed to it in one go.
 * 4. The old files are removed after their last reader, oldest first, so that no delete record goes before what it deletes.
 * Every shard is verified while it is copied; of a damaged one only the fact is carried on.
 */
import { CancelledError } from '../../core/open/errors.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import { readFooter } from './load-segment.ts'
import { scanSegment } from './scan-segment.ts'
import type { Segment } from './segment.ts'
import { rewrittenBytes } from './segment.ts'
import { applyRecord } from './recover-segments.ts'
import type { SegmentRecord } from './segment-footer.ts'
import { DELETE, LOST, MAX_SEGMENT_RECORDS, PUT } from './segment-format.ts'
import type { SegmentTable } from './segment-table.ts'
import type { NewRecord } from './segment-writer.ts'
import { SegmentWriter } from './segment-writer.ts'
import { readRecord } from './shard-record.ts'
import { syncFolder } from './sync-folder.ts'
import type { IndexEntry } from './shard-index.ts'

/** Rewriting costs as much as is left: below half, each byte written gives at least one back. */
const REWRITE_BELOW = 0.5
/** A segment this much smaller than usual is merged with its neighbours, */
const SMALL_PART = 8
/** when there are this many: fewer descriptors and footers, each shard moved once for eight. */
const SMALL_RUN = 8

/** Whether rewriting a segment by itself pays. */
export function paysAlone(segment: Segment, keepDeletes: boolean): boolean {
  return segment.footerless || rewrittenBytes([segment], keepDeletes) <= segment.size * REWRITE_BELOW
}

/** Runs of neighbouring sealed segments worth rewriting into one each. */
export function planCompaction(segments: readonly Segment[], segmentBytes: number): Segment[][] {
  const runs: Segment[][] = []
  let run: Segment[] = []
  const finish = (): void => {
    const keepDeletes = run[0] !== segments[0]
    if (run.length >= SMALL_RUN || run.some((segment) => paysAlone(segment, keepDeletes))) runs.push(run)
    run = []
  }
  for (const segment of segments) {
    const small = segment.size < segmentBytes / SMALL_PART
    if (!segment.sealed || !(small || paysAlone(segment, segment !== segments[0]))) {
      finish()
      continue
    }
    const longer = [...run, segment]
    const records = longer.reduce((sum, { liveRecords, deletes }) => sum + liveRecords + deletes, 0)
    if (rewrittenBytes(longer, true) > segmentBytes || records > MAX_SEGMENT_RECORDS) finish()
    run.push(segment)
  }
  finish()
  return runs
}

interface Copied {
  readonly from: IndexEntry
  readonly id: Uint8Array
}

/** Rewrites a run. Delete records are carried on where older segments may hold what they delete. */
export async function rewriteSegments(
  table: SegmentTable,
  run: readonly Segment[],
  signal: AbortSignal,
): Promise<void> {
  const lowest = table.inOrder()[0] === run[0]
  const name = {
    first: run[0]!.first,
    last: run.at(-1)!.last,
    generation: Math.max(...run.map(({ generation }) => generation)) + 1,
  }
  const path = table.pathOf(name)
  const temporary = `${path}.tmp`
  const writer = await SegmentWriter.create(table.files, temporary)
  const copied: (Copied | undefined)[] = []
  let file = temporary
  try {
    for (const segment of run) await copySegment(table, segment, lowest, writer, copied, signal)
    writer.footer.damaged = run.some(({ damaged }) => damaged)
    const records = await writer.sync()
    if (records.length > 0) {
      await writer.seal()
      await writer.close()
      await table.files.rename(temporary, path)
      file = path
      await syncFolder(table.files, table.folder)
      pointTo(table, table.add(name, writer.marker), writer, records, copied)
    } else {
      await writer.close()
      await table.files.unlink(temporary)
    }
  } catch (error) {
    await writer.close()
    await table.files.unlink(file)
    throw error
  }
  for (const segment of run) await table.remove(segment)
}

/** Takes a finished file into the table and points the index to it, where that still points to what was copied. */
function pointTo(
  table: SegmentTable,
  segment: Segment,
  writer: SegmentWriter,
  records: readonly SegmentRecord[],
  copied: readonly (Copied | undefined)[],
): void {
  segment.size = writer.size
  segment.sealed = true
  segment.damaged = writer.footer.damaged
  for (const [i, record] of records.entries()) {
    const source = copied[i]
    if (source === undefined) segment.deletes++
    else if (table.isAt(source.id, source.from)) applyRecord(table, segment, record)
  }
}

async function copySegment(
  table: SegmentTable,
  segment: Segment,
  lowest: boolean,
  writer: SegmentWriter,
  copied: (Copied | undefined)[],
  signal: AbortSignal,
): Promise<void> {
  const { marker, size } = segment
  await table.reading(segment, async (handle) => {
    const { records } = (await readFooter(handle, marker, size)) ?? (await scanSegment(handle, marker, size))
    for (const record of records) {
      if (signal.aborted) throw new CancelledError('the store was closed during compaction')
      const { type, id, length, offset } = record
      const entry = table.index.get(id)
      if (type === DELETE && entry === undefined && !lowest) {
        await writer.append([{ type, id, length }])
        copied.push(undefined)
      }
      if (type !== PUT && type !== LOST) continue
      if (entry === undefined || entry.segment !== segment.number || entry.offset !== offset) continue
      const found =
        type === PUT ? await readRecord(table.hash, handle, { marker, id, length, offset }) : undefined
      const copy: NewRecord =
        found === undefined ? { type: LOST, id, length } : { type: PUT, id, length, ...found }
      await writer.append([copy])
      if (found !== undefined) freeBytes(found.payload)
      copied.push({ id, from: entry })
    }
  })
}
