/** What the store knows in memory: its segments, which shard is where, and who is reading. */
import * as path from 'node:path'
import type { FileHandle } from 'node:fs/promises'
import type { HashFunction } from '../../core/open/merkle.ts'
import type { DiskFiles } from './disk-files.ts'
import { HandlePool } from './handle-pool.ts'
import type { Segment, SegmentName } from './segment.ts'
import { countEntry, formatSegmentName, newSegment } from './segment.ts'
import type { IndexEntry } from './shard-index.ts'
import { ShardIndex } from './shard-index.ts'
import { syncFolder } from './sync-folder.ts'

/** Of the about thousand descriptors that a process has, connections need most. */
const MAX_OPEN_SEGMENTS = 32

export class SegmentTable {
  readonly index = new ShardIndex()
  readonly files: DiskFiles
  readonly folder: string
  readonly hash: HashFunction
  /** By number in this process. */
  readonly #segments = new Map<number, Segment>()
  readonly #pool: HandlePool
  #nextNumber = 1

  constructor(files: DiskFiles, folder: string, hash: HashFunction) {
    this.files = files
    this.folder = folder
    this.hash = hash
    this.#pool = new HandlePool(files, MAX_OPEN_SEGMENTS)
  }

  pathOf(name: SegmentName): string {
    return path.join(this.folder, formatSegmentName(name))
  }

  add(name: SegmentName, marker: Uint8Array): Segment {
    const segment = newSegment(this.#nextNumber++, name, this.pathOf(name), marker)
    this.#segments.set(segment.number, segment)
    return segment
  }

  /** In the order in which things happened. */
  inOrder(): Segment[] {
    return [...this.#segments.values()].sort((a, b) => a.last - b.last)
  }

  /** Bytes of all segment files. */
  get bytes(): number {
    let bytes = 0
    for (const segment of this.#segments.values()) bytes += segment.size
    return bytes
  }

  get(number: number): Segment {
    const segment = this.#segments.get(number)
    if (segment === undefined) throw new Error(`segment ${number} is unknown`)
    return segment
  }

  /** Points the index to a shard's newest record. */
  point(id: Uint8Array, entry: IndexEntry): void {
    const before = this.index.set(id, entry)
    if (before !== undefined) countEntry(this.get(before.segment), before, -1)
    countEntry(this.get(entry.segment), entry, 1)
  }

  unpoint(id: Uint8Array): void {
    const before = this.index.delete(id)
    if (before !== undefined) countEntry(this.get(before.segment), before, -1)
  }

  /** Remembers that a shard was found damaged, unless it was replaced or moved meanwhile. */
  markDamaged(id: Uint8Array, seen: IndexEntry): void {
    if (seen.state === 'whole' && this.isAt(id, seen)) this.index.set(id, { ...seen, state: 'damaged' })
  }

  /** Whether the index still points where `seen` did. */
  isAt(id: Uint8Array, seen: IndexEntry): boolean {
    const now = this.index.get(id)
    return now !== undefined && now.segment === seen.segment && now.offset === seen.offset
  }

  /** Runs `use` with a handle of the segment's file, which stays on disk until all such uses have ended. */
  async reading<T>(segment: Segment, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    segment.users++
    try {
      return await this.#pool.use(segment.path, use)
    } finally {
      segment.users--
      if (segment.users === 0) segment.onIdle?.()
    }
  }

  /** Removes a segment that the index doesn't point to any more, after its last reader, durably. */
  async remove(segment: Segment): Promise<void> {
    if (segment.users > 0) await new Promise<void>((resolve) => (segment.onIdle = resolve))
    await this.#pool.forget(segment.path)
    await this.files.unlink(segment.path)
    this.#segments.delete(segment.number)
    await syncFolder(this.files, this.folder)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}
