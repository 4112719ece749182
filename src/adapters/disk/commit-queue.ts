/**
 * Group commit. Records that wait are written together and made durable by one sync; only then does the index point to
 * them and only then are their callers told. One group is under way at a time, so that order in the file is order of
 * arrival. Nothing is written that would take the store beyond its capacity, except delete records.
 */
import { CapacityError } from '../../core/open/errors.ts'
import { diskError } from './disk-error.ts'
import type { OpenSegment } from './recover-segments.ts'
import { applyRecord } from './recover-segments.ts'
import { FOOTER_ENTRY_BYTES, PUT, SEGMENT_OVERHEAD_BYTES, recordBytes } from './segment-format.ts'
import type { SegmentTable } from './segment-table.ts'
import type { NewRecord } from './segment-writer.ts'
import { SegmentWriter } from './segment-writer.ts'
import { syncFolder } from './sync-folder.ts'
import type { WatermarkFile } from './watermark.ts'

/** A sync costs about as much as writing some MiB; beyond this, larger groups only delay their first record. */
const MAX_GROUP_BYTES = 64 * 1024 * 1024

export interface CommitQueueOptions {
  readonly segmentBytes: number
  readonly capacity: number
  readonly open: OpenSegment | undefined
  readonly lastNumber: number
  /** Bytes of files beside the segments in the table that count, too. */
  readonly otherBytes: number
}

interface Item {
  readonly record: NewRecord | 'seal' | 'clean'
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface RecordItem extends Item {
  readonly record: NewRecord
}

function isRecord(item: Item): item is RecordItem {
  return typeof item.record === 'object'
}

export class CommitQueue {
  readonly #table: SegmentTable
  readonly #watermark: WatermarkFile
  readonly #options: CommitQueueOptions
  readonly #queue: Item[] = []
  #open: OpenSegment | undefined
  #lastNumber: number
  /** Whether the open segment may end with something that was not acknowledged. */
  #dirty = false
  #running: Promise<void> | undefined

  constructor(table: SegmentTable, watermark: WatermarkFile, options: CommitQueueOptions) {
    this.#table = table
    this.#watermark = watermark
    this.#options = options
    this.#open = options.open
    this.#lastNumber = options.lastNumber
  }

  /** Resolves when the record is durable and known to the index. */
  add(record: NewRecord): Promise<void> {
    return this.#enqueue(record)
  }

  /** Seals the open segment, if there is one, after what was added before. */
  seal(): Promise<void> {
    return this.#enqueue('seal')
  }

  /** Resolves when nothing of failed writes is left on disk. */
  async settle(): Promise<void> {
    if (this.#dirty) await this.#enqueue('clean')
  }

  /** Bytes taken on disk, the open segment's footer to come included. */
  get used(): number {
    const bytes = this.#options.otherBytes + this.#table.bytes
    const open = this.#open
    return open === undefined ? bytes : bytes - open.segment.size + open.writer.sealedSize
  }

  /** Waits for everything that was added. */
  async close(): Promise<void> {
    await this.#running
    await this.#open?.writer.close()
    this.#open = undefined
  }

  #enqueue(record: Item['record']): Promise<void> {
    const done = new Promise<void>((resolve, reject) => this.#queue.push({ record, resolve, reject }))
    this.#running ??= this.#run()
    return done
  }

  async #run(): Promise<void> {
    // Let callers of the same turn join the first group.
    await Promise.resolve()
    for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
      try {
        const { record } = item
        if (typeof record === 'object') {
          await this.#commitNext(record)
          continue
        }
        if (this.#open !== undefined) await this.#clean(this.#open)
        if (record === 'seal') await this.#seal()
        this.#queue.shift()
        item.resolve()
      } catch (error) {
        // Whatever failed before a group was formed concerns its first record alone.
        if (this.#queue[0] === item) this.#queue.shift()
        item.reject(diskError('store a shard', error))
      }
    }
    this.#running = undefined
  }

  async #commitNext(first: NewRecord): Promise<void> {
    const size = recordBytes(first.type, first.length)
    const { segmentBytes } = this.#options
    const before = this.#open
    if (before !== undefined) await this.#clean(before)
    const fits =
      before !== undefined && before.writer.recordsLeft > 0 && before.writer.sealedSize + size <= segmentBytes
    const empty = before !== undefined && before.writer.sealedSize === SEGMENT_OVERHEAD_BYTES
    const rotate = !fits && !empty
    this.#checkCapacity(first, rotate ? this.used + SEGMENT_OVERHEAD_BYTES : this.used)
    if (rotate) await this.#seal()
    const open = (this.#open ??= await this.#create())
    const group = this.#takeGroup(open.writer)
    try {
      await open.writer.append(group.map(({ record }) => record))
      const records = await open.writer.sync()
      for (const record of records) applyRecord(this.#table, open.segment, record)
      open.segment.size = open.writer.size
      await this.#watermark.write({ segment: open.segment.last, bytes: open.writer.size })
    } catch (error) {
      const failure = await this.#takeBack(open, error)
      for (const item of group) item.reject(failure)
      return
    }
    for (const item of group) item.resolve()
  }

  /** Takes the first record and those behind it that fit into the same segment and group. */
  #takeGroup(writer: SegmentWriter): RecordItem[] {
    const group: RecordItem[] = []
    let bytes = 0
    let entries = 0
    const { segmentBytes, capacity } = this.#options
    const used = this.used
    for (let item = this.#queue[0]; item !== undefined && isRecord(item); item = this.#queue[0]) {
      const size = recordBytes(item.record.type, item.record.length)
      const growth = bytes + size + (entries + 1) * FOOTER_ENTRY_BYTES
      if (group.length > 0) {
        if (bytes + size > MAX_GROUP_BYTES || writer.sealedSize + growth > segmentBytes) break
        if (writer.recordsLeft <= entries || (item.record.type === PUT && used + growth > capacity)) break
      }
      bytes += size
      entries++
      group.push(item)
      this.#queue.shift()
    }
    return group
  }

  #checkCapacity(record: NewRecord, used: number): void {
    const needed = recordBytes(record.type, record.length) + FOOTER_ENTRY_BYTES
    const { capacity } = this.#options
    if (record.type !== PUT || used + needed <= capacity) return
    throw new CapacityError('the capacity of this store is used up', { capacity, used, needed })
  }

  async #create(): Promise<OpenSegment> {
    const { files, folder } = this.#table
    const number = this.#lastNumber + 1
    const name = { first: number, last: number, generation: 0 }
    // A failed attempt may have left a file: its number isn't given again.
    this.#lastNumber = number
    const path = this.#table.pathOf(name)
    const writer = await SegmentWriter.create(files, path)
    try {
      await writer.sync()
      await syncFolder(files, folder)
    } catch (error) {
      await writer.close()
      await files.unlink(path)
      throw error
    }
    const segment = this.#table.add(name, writer.marker)
    segment.size = writer.size
    return { segment, writer }
  }

  async #seal(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    try {
      await open.writer.seal()
    } catch (error) {
      throw await this.#takeBack(open, error)
    }
    open.segment.size = open.writer.size
    open.segment.sealed = true
    this.#open = undefined
    await open.writer.close()
  }

  /** After a failed write: takes back what isn't durable, now or before the next write, and gives the error to report. */
  async #takeBack(open: OpenSegment, error: unknown): Promise<Error> {
    this.#dirty = true
    try {
      await this.#clean(open)
      return diskError('write to a segment', error)
    } catch (second) {
      return diskError('write to a segment', new AggregateError([error, second]))
    }
  }

  /**
   * Cuts off what a failed write left. After a failed sync the system may call pages clean that it has dropped: only what
   * is cut off and written again is certain to be tried again.
   */
  async #clean(open: OpenSegment): Promise<void> {
    if (!this.#dirty) return
    await open.writer.cutBack()
    this.#dirty = false
  }
}
