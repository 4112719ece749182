/**
 * The provider's shards on disk (docs/spec/segment.md). A folder holds `format`, `lock`, `watermark` and `segments/`.
 * Invariants:
 * - The index points to a record only after its sync returned; a caller is told after that.
 * - At most one segment is open for appending; all others are sealed and never change, only whole files are replaced.
 * - One process at a time owns the folder.
 */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { concatBytes, equalBytes } from '../../core/open/bytes.ts'
import {
  CancelledError,
  DamagedShardError,
  NotFoundError,
  UntrustedError,
  UsageError,
} from '../../core/open/errors.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import { shardLeaves } from '../../core/open/merkle.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { shardRoot } from '../../core/open/shard-root.ts'
import type {
  CompactionReport,
  ScrubReport,
  ShardPage,
  ShardRange,
  ShardStat,
  ShardStore,
  ShardStoreUsage,
} from '../../ports/shard-store.ts'
import { checkRanges, checkShard, checkShardId } from '../../ports/shard-store-arguments.ts'
import { CommitQueue } from './commit-queue.ts'
import { paysAlone, planCompaction, rewriteSegments } from './compact-segments.ts'
import { diskError } from './disk-error.ts'
import type { DiskFiles } from './disk-files.ts'
import { nodeFiles } from './disk-files.ts'
import { listShards } from './list-shards.ts'
import type { StoreFolder } from './open-store-folder.ts'
import { openStoreFolder } from './open-store-folder.ts'
import type { Recovered } from './recover-segments.ts'
import { recoverSegments } from './recover-segments.ts'
import { scrubShards } from './scrub-shards.ts'
import { DELETE, PUT, SEGMENT_HEADER_BYTES } from './segment-format.ts'
import type { IndexEntry } from './shard-index.ts'
import { SegmentTable } from './segment-table.ts'
import { readLeaves, readRanges, readRecord } from './shard-record.ts'
import type { RecordPlace } from './shard-record.ts'

/** Large enough that footers and descriptors are few, small enough that rewriting one is soon done. */
const DEFAULT_SEGMENT_BYTES = 256 * 1024 * 1024
/** Offsets within a segment are 32 bits. */
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024
const DEFAULT_PAGE = 1_024
const MAX_PAGE = 65_536

export interface DiskShardStoreOptions {
  /** Created when it doesn't exist; its parent must. */
  readonly folder: string
  /** Bytes that the store may take. */
  readonly capacity: number
  readonly primitives: Pick<Primitives, 'blake3'>
  /** Length of a segment file, at most 1 GiB; default 256 MiB. */
  readonly segmentBytes?: number
  readonly files?: DiskFiles
}

/** Opens or creates the shard store in a folder. Throws FolderError, see `openStoreFolder`. */
export async function openDiskShardStore(options: DiskShardStoreOptions): Promise<ShardStore> {
  const { segmentBytes = DEFAULT_SEGMENT_BYTES, files = nodeFiles } = options
  if (!(segmentBytes > 0 && segmentBytes <= MAX_SEGMENT_BYTES)) {
    throw new UsageError('a segment has at most 1 GiB', { segmentBytes })
  }
  let folder: StoreFolder
  try {
    folder = await openStoreFolder(files, options.folder)
  } catch (error) {
    throw diskError('open the store', error)
  }
  try {
    const table = new SegmentTable(files, folder.segments, options.primitives.blake3)
    const recovered = await recoverSegments(table, folder.watermark.found)
    return new DiskShardStore(table, folder, recovered, options.capacity, segmentBytes)
  } catch (error) {
    await folder.watermark.close()
    folder.lock.release()
    throw diskError('open the store', error)
  }
}

class DiskShardStore implements ShardStore {
  readonly #table: SegmentTable
  readonly #folder: StoreFolder
  readonly #recovered: Recovered
  readonly #capacity: number
  readonly #segmentBytes: number
  readonly #commits: CommitQueue
  /** Puts under way, by id. */
  readonly #puts = new Map<string, Promise<void>>()
  readonly #running = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #compaction: Promise<CompactionReport> | undefined

  constructor(
    table: SegmentTable,
    folder: StoreFolder,
    recovered: Recovered,
    capacity: number,
    segmentBytes: number,
  ) {
    this.#table = table
    this.#folder = folder
    this.#recovered = recovered
    this.#capacity = capacity
    this.#segmentBytes = segmentBytes
    this.#commits = new CommitQueue(table, folder.watermark, {
      segmentBytes,
      capacity,
      open: recovered.open,
      lastNumber: recovered.lastNumber,
      otherBytes: recovered.unreadableBytes,
    })
  }

  put(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    return this.#run(() => {
      checkShard(id, bytes)
      const key = keyOf(id)
      const begun = this.#puts.get(key)
      if (begun !== undefined) return begun
      const done = this.#put(id, bytes).finally(() => this.#puts.delete(key))
      this.#puts.set(key, done)
      return done
    })
  }

  read(id: Uint8Array, ranges?: readonly ShardRange[]): Promise<Uint8Array> {
    return this.#run(() => {
      const entry = this.#entry(id)
      const wanted = ranges ?? [{ offset: 0, length: entry.length }]
      checkRanges(wanted, entry.length)
      return this.#verified(id, entry, (handle, place) => readRanges(this.#table.hash, handle, place, wanted))
    })
  }

  leaves(id: Uint8Array): Promise<Uint8Array[]> {
    return this.#run(() =>
      this.#verified(id, this.#entry(id), (handle, place) => readLeaves(this.#table.hash, handle, place)),
    )
  }

  stat(id: Uint8Array): ShardStat | undefined {
    checkShardId(id)
    const entry = this.#table.index.get(id)
    return entry === undefined ? undefined : { length: entry.length, whole: entry.state === 'whole' }
  }

  list(after?: Uint8Array, limit: number = DEFAULT_PAGE): ShardPage {
    if (after !== undefined) checkShardId(after)
    return listShards(this.#table.index, after, Math.min(Math.max(1, limit), MAX_PAGE))
  }

  delete(ids: readonly Uint8Array[]): Promise<void> {
    return this.#run(async () => {
      for (const id of ids) checkShardId(id)
      // What a failed put left on disk must not come back after this.
      await this.#commits.settle()
      const here = ids.filter((id) => this.#table.index.get(id) !== undefined || this.#puts.has(keyOf(id)))
      await Promise.all(
        here.map((id) => this.#commits.add({ type: DELETE, id: Uint8Array.from(id), length: 0 })),
      )
    })
  }

  usage(): ShardStoreUsage {
    const segments = this.#table.inOrder()
    const { used } = this.#commits
    let live = 0
    for (const { liveBytes } of segments) live += liveBytes
    const damagedFiles =
      this.#recovered.unreadableFiles +
      (this.#folder.formatDamaged ? 1 : 0) +
      segments.filter(({ damaged }) => damaged).length
    return { capacity: this.#capacity, used, live, shards: this.#table.index.size, damagedFiles }
  }

  scrub(cursor: Uint8Array | undefined, budgetBytes: number): Promise<ScrubReport> {
    return this.#run(() =>
      scrubShards(this.#table, cursor, budgetBytes, (id, entry) => this.#isWhole(id, entry)),
    )
  }

  compact(): Promise<CompactionReport> {
    return this.#run(() => {
      this.#compaction ??= this.#compact().finally(() => (this.#compaction = undefined))
      return this.#compaction
    })
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await Promise.allSettled(this.#running)
    try {
      await closeAll([
        () => this.#commits.close(),
        () => this.#table.close(),
        () => this.#folder.watermark.close(),
      ])
    } finally {
      this.#folder.lock.release()
    }
  }

  /** Keeps the store open until `operation` ends, and gives every failure its type. */
  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw new UsageError('the store is closed')
    const running = (async () => operation())()
    this.#running.add(running)
    try {
      return await running
    } catch (error) {
      throw diskError('serve the store', error)
    } finally {
      this.#running.delete(running)
    }
  }

  #entry(id: Uint8Array): IndexEntry {
    checkShardId(id)
    const entry = this.#table.index.get(id)
    if (entry === undefined) throw new NotFoundError('the shard is not here', { shard: id })
    return entry
  }

  async #put(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    const { hash, index } = this.#table
    const leaves = shardLeaves(hash, bytes)
    if (!equalBytes(shardRoot({ blake3: hash }, leaves), id)) {
      throw new UntrustedError("these bytes are not the shard's", { shard: id })
    }
    const entry = index.get(id)
    if (entry !== undefined && (await this.#isWhole(id, entry))) {
      // A failed delete of it may be left on disk.
      await this.#commits.settle()
      return
    }
    await this.#commits.add({
      type: PUT,
      id: Uint8Array.from(id),
      length: bytes.length,
      leaves: concatBytes(...leaves),
      payload: bytes,
    })
  }

  /** Reads and checks the whole record. */
  async #isWhole(id: Uint8Array, entry: IndexEntry): Promise<boolean> {
    try {
      const read = await this.#verified(id, entry, (handle, place) =>
        readRecord(this.#table.hash, handle, place),
      )
      freeBytes(read.payload)
      return true
    } catch (error) {
      if (error instanceof DamagedShardError) return false
      throw error
    }
  }

  /** What `read` gives; where it finds damage, that is remembered and told. */
  async #verified<T>(
    id: Uint8Array,
    entry: IndexEntry,
    read: (handle: FileHandle, place: RecordPlace) => Promise<T | undefined>,
  ): Promise<T> {
    const { length, offset } = entry
    const segment = this.#table.get(entry.segment)
    if (entry.state !== 'lost') {
      const place = { marker: segment.marker, id, offset, length }
      const found = await this.#table.reading(segment, (handle) => read(handle, place))
      if (found !== undefined) return found
    }
    this.#table.markDamaged(id, entry)
    throw new DamagedShardError('the shard is damaged', { shard: id })
  }

  async #compact(): Promise<CompactionReport> {
    const before = this.#commits.used
    await this.#sealGarbage()
    for (const run of planCompaction(this.#table.inOrder(), this.#segmentBytes)) {
      if (this.#closing.signal.aborted) throw new CancelledError('the store was closed during compaction')
      await rewriteSegments(this.#table, run, this.#closing.signal)
    }
    return { reclaimedBytes: Math.max(0, before - this.#commits.used) }
  }

  /** The open segment is compacted like the others when it is mostly garbage. */
  async #sealGarbage(): Promise<void> {
    const segments = this.#table.inOrder()
    const open = segments.find(({ sealed }) => !sealed)
    if (open === undefined || open.size === SEGMENT_HEADER_BYTES) return
    if (paysAlone(open, open !== segments[0])) await this.#commits.seal()
  }
}

/** Closes everything, and throws the first error when that is done. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = []
  for (const close of closers) {
    try {
      await close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw diskError('close the store', errors[0])
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}
