/**
 * Cuts files into chunks and gathers them into batches that are sealed together. Invariants:
 * - chunks of a file come in order, files in the order of their calls; a chunk never spans files or batches.
 * - bytes are read straight into the batch; only the chunk that a batch's end cuts through is copied, into the next one.
 */
import type { Chunker } from '../../core/open/blobs/chunker.ts'
import { MAX_CHUNK_BYTES } from '../../core/open/blobs/chunker.ts'

/** Room for at least seven whole chunks: large enough to amortise a call, small enough to overlap stages. */
const BATCH_BYTES = 8 * MAX_CHUNK_BYTES
/** One is filled while one is sealed; more only lie around. */
const MAX_SPARE_BUFFERS = 2
/** Small files: a batch ends here, so that one question to the tracker holds all its ids. */
const MAX_BATCH_CHUNKS = 2_048

export interface ChunkBatch<Owner> {
  readonly buffer: Uint8Array<ArrayBuffer>
  /** Ends of the chunks, ascending; the first starts at 0. */
  readonly ends: readonly number[]
  /** Whose each chunk is. */
  readonly owners: readonly Owner[]
}

export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>

export class ChunkBatcher<Owner> {
  readonly #chunker: Chunker
  readonly #onBatch: (batch: ChunkBatch<Owner>) => Promise<void>
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #buffer = new Uint8Array(BATCH_BYTES)
  #ends: number[] = []
  #owners: Owner[] = []
  /** Where the chunk being cut starts, and where its bytes read so far end. */
  #start = 0
  #end = 0

  constructor(chunker: Chunker, onBatch: (batch: ChunkBatch<Owner>) => Promise<void>) {
    this.#chunker = chunker
    this.#onBatch = onBatch
  }

  /** Chunks one file from its start to the first empty read; returns its bytes and number of chunks. */
  async file(owner: Owner, read: ReadAt): Promise<{ bytes: number; chunks: number }> {
    this.#chunker.reset()
    let position = 0
    let chunks = 0
    const cut = (last: boolean) => {
      for (;;) {
        const at = this.#chunker.next(this.#buffer, this.#start, this.#end, last)
        if (at === -1) return
        this.#ends.push(at)
        this.#owners.push(owner)
        this.#start = at
        chunks++
        if (last && at === this.#end) return
      }
    }
    try {
      for (;;) {
        if (this.#buffer.length - this.#end < MAX_CHUNK_BYTES || this.#ends.length >= MAX_BATCH_CHUNKS)
          await this.flush()
        const count = await read(this.#buffer.subarray(this.#end), position)
        if (count === 0) break
        position += count
        this.#end += count
        cut(false)
      }
      if (this.#end > this.#start) cut(true)
    } catch (error) {
      // The file is given up: its chunks so far stay whole, its open chunk is forgotten.
      this.#end = this.#start
      throw error
    }
    return { bytes: position, chunks }
  }

  /** Hands out what is gathered. */
  async flush(): Promise<void> {
    if (this.#ends.length === 0) return
    const batch = { buffer: this.#buffer, ends: this.#ends, owners: this.#owners }
    const next = this.#spare.pop() ?? new Uint8Array(BATCH_BYTES)
    next.set(this.#buffer.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = next
    this.#ends = []
    this.#owners = []
    await this.#onBatch(batch)
  }

  /** Takes the memory of a batch back for another one, once nobody reads it any more. */
  recycle(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#spare.length < MAX_SPARE_BUFFERS) this.#spare.push(buffer)
  }
}
