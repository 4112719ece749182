// Content-defined chunking: the rule for cut points is a format, docs/spec/chunker.md.
//
// - Whether a chunk may end after a byte depends on the 32 bytes up to it and on the chunk's length, on nothing else:
//   not on reads, buffers or what came before the chunk.
// - A chunk is at least the minimum long unless the input ends, and at most the maximum; so hostile input costs at
//   most one filter step and one gear hash a byte, and no more chunks than a 64 KiB-th of its bytes.
import { CHUNKER_WINDOW, createChunkerKernel, GEAR_ENTRIES } from '../../../kernels/chunker-kernel.ts'
import { UsageError } from '../errors.ts'

/** Below this, chunks cost more in records than they save; also: a smaller file is one chunk. */
export const MIN_CHUNK_BYTES = 65_536

/** From this length on more positions qualify: that holds the mean at 256 KiB. */
export const NORMAL_CHUNK_BYTES = 215_040

/** The cap that bounds memory and work where the content offers no cut. */
export const MAX_CHUNK_BYTES = 1_048_576

/** With the 8 bits of the filter, 1 position in 2^20 qualifies below the normal length and 1 in 2^16 from there on. */
const STRICT_MASK = 0xfff00000
const LOOSE_MASK = 0xff000000

/** Bytes taken into the kernel's memory at a time where the caller's buffer isn't in it. */
const COPY_BYTES = 65_536

/** Room for a whole chunk and as much again, so that half of the moves to the front are saved. */
const STREAM_BYTES = 2 * MAX_CHUNK_BYTES

/** The gear table in 1,024 bytes: 256 entries of 32 bits, little-endian. Throws a UsageError for another length. */
export function gearFromBytes(bytes: Uint8Array): Uint32Array {
  if (bytes.length !== GEAR_ENTRIES * 4)
    throw new UsageError('a gear table has 1024 bytes', { length: bytes.length })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: GEAR_ENTRIES }, (_, index) => view.getUint32(index * 4, true))
}

export interface Chunker {
  /** Memory that `next` reads without a copy: read files into it. Its content is the caller's; it never moves. */
  readonly buffer: Uint8Array<ArrayBuffer>
  /**
   * The end of the chunk that starts at `start`, or -1 where the bytes up to `end` don't decide it (or there are none).
   * After -1 call again for the same chunk with more bytes behind it; its bytes may have moved to another place or
   * buffer. `last` says that the input ends at `end`.
   */
  next(buffer: Uint8Array, start: number, end: number, last: boolean): number
  /** Forgets a chunk that `next` has begun; needed only where an input is given up. */
  reset(): void
}

/**
 * A chunker for one keyed gear table of 256 entries, for one input at a time; `bufferBytes` is the size of its
 * `buffer`. Throws a UsageError for a table of another size, SimdUnsupportedError where no kernel can run.
 */
export function createChunker(gear: Uint32Array, bufferBytes = 0): Chunker {
  if (gear.length !== GEAR_ENTRIES)
    throw new UsageError('a gear table has 256 entries', { entries: gear.length })
  if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 0)
    throw new UsageError('a buffer has a size of 0 or more bytes', { bufferBytes })
  const kernel = createChunkerKernel(gear, bufferBytes + COPY_BYTES + CHUNKER_WINDOW)
  const { data } = kernel
  const own = data.subarray(0, bufferBytes)
  const copyAt = bufferBytes

  /** The length of the first chunk that may end with one of its bytes from..to-1, or -1. */
  function find(chunk: Uint8Array, from: number, to: number, mask: number): number {
    if (from >= to) return -1
    if (chunk.buffer === data.buffer) {
      const at = chunk.byteOffset - data.byteOffset
      const end = kernel.scan(at + from, at + to, mask)
      return end === -1 ? -1 : end - at
    }
    for (let piece = from; piece < to; piece += COPY_BYTES) {
      const pieceEnd = Math.min(to, piece + COPY_BYTES)
      const shift = copyAt - (piece - CHUNKER_WINDOW)
      data.set(chunk.subarray(piece - CHUNKER_WINDOW, pieceEnd), copyAt)
      const end = kernel.scan(piece + shift, pieceEnd + shift, mask)
      if (end !== -1) return end - shift
    }
    return -1
  }

  /** Bytes of the current chunk after which it is known not to end. */
  let scanned = 0

  return {
    buffer: own,
    next(buffer, start, end, last) {
      if (!(start >= 0 && start <= end && end <= buffer.length))
        throw new UsageError('a chunk lies within its buffer', { start, end, length: buffer.length })
      const available = Math.min(end - start, MAX_CHUNK_BYTES)
      if (available < scanned)
        throw new UsageError('a chunk cannot shrink: reset first', { available, scanned })
      const chunk = buffer.subarray(start, start + available)
      const from = Math.max(scanned, MIN_CHUNK_BYTES - 1)
      let length = find(chunk, from, Math.min(available, NORMAL_CHUNK_BYTES - 1), STRICT_MASK)
      if (length === -1) length = find(chunk, Math.max(from, NORMAL_CHUNK_BYTES - 1), available, LOOSE_MASK)
      if (length === -1 && (available === MAX_CHUNK_BYTES || (last && available > 0))) length = available
      scanned = length === -1 ? available : 0
      return length === -1 ? -1 : start + length
    },
    reset() {
      scanned = 0
    },
  }
}

/**
 * The chunks of a stream in order, each a copy of its own; an empty stream has none. Holds 2 MiB beside what the source
 * yields, whatever the source's pieces are. The chunker serves this stream alone until it ends; errors of the source pass through.
 */
export async function* chunkStream(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  chunker: Chunker,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const buffer = chunker.buffer.length >= STREAM_BYTES ? chunker.buffer : new Uint8Array(STREAM_BYTES)
  let start = 0
  let end = 0
  chunker.reset()
  for await (const piece of source) {
    let taken = 0
    while (taken < piece.length) {
      if (end === buffer.length) {
        buffer.copyWithin(0, start, end)
        end -= start
        start = 0
      }
      const step = piece.subarray(taken, taken + buffer.length - end)
      buffer.set(step, end)
      end += step.length
      taken += step.length
      for (let cut = chunker.next(buffer, start, end, false); cut !== -1;) {
        yield buffer.slice(start, cut)
        start = cut
        cut = chunker.next(buffer, start, end, false)
      }
    }
  }
  for (let cut = chunker.next(buffer, start, end, true); cut !== -1;) {
    yield buffer.slice(start, cut)
    start = cut
    cut = chunker.next(buffer, start, end, true)
  }
}
