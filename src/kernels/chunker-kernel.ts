// Loader of the chunking kernel. Memory layout, in bytes:
//   0     gear table, 256 u32, little-endian
//   1024  filter tables: five of 16 bytes, as assembly/chunker.ts says
//   4096  the caller's data, followed by 16 bytes that the kernel may read past its end
// The memory never grows after creation, so views of the data stay valid.
import plain from './generated/chunker.ts'
import relaxed from './generated/chunker-relaxed.ts'
import { ensureMemory, instantiate, type KernelVariant } from './instantiate.ts'

const FILTER_AT = 1024
const DATA_AT = 4096
const READ_AHEAD = 16

/** Bytes up to and with the position that decide whether a chunk may end there. */
export const CHUNKER_WINDOW = 32

/** Entries of the gear table. */
export const GEAR_ENTRIES = 256

export interface ChunkerKernel {
  /** The data area, `capacity` bytes, in the kernel's own memory: what is read into it needs no copy. */
  readonly data: Uint8Array<ArrayBuffer>
  /**
   * The offset after the first byte in from..to-1 at which the filter is zero and the gear hash has no bit in common
   * with `mask`, or -1. `from` must be at least CHUNKER_WINDOW - 1.
   */
  scan(from: number, to: number, mask: number): number
}

/** v times x in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function timesX(v: number): number {
  return ((v << 1) ^ ((v & 0x80) === 0 ? 0 : 0x11d)) & 0xff
}

/** An instance for one gear table of 256 entries, with a data area of `capacity` bytes. */
export function createChunkerKernel(
  gear: Uint32Array,
  capacity: number,
  variant?: KernelVariant,
): ChunkerKernel {
  if (gear.length !== GEAR_ENTRIES) throw new RangeError(`a gear table has ${GEAR_ENTRIES} entries`)
  const kernel = instantiate({ plain, relaxed }, variant)
  ensureMemory(kernel.memory, DATA_AT + capacity + READ_AHEAD)
  const scan = kernel.function('scan')
  const view = new DataView(kernel.memory.buffer)
  gear.forEach((entry, index) => view.setUint32(index * 4, entry, true))
  for (let index = 0; index < 32; index += 1) {
    const value = gear[index]! & 0xff
    view.setUint8(FILTER_AT + index, value)
    view.setUint8(FILTER_AT + 32 + index, timesX(timesX(value)))
  }
  for (let nibble = 0; nibble < 16; nibble += 1) {
    let value = nibble
    for (let power = 0; power < 8; power += 1) value = timesX(value)
    view.setUint8(FILTER_AT + 64 + nibble, value)
  }
  return {
    data: new Uint8Array(kernel.memory.buffer, DATA_AT, capacity),
    scan(from, to, mask) {
      if (from < CHUNKER_WINDOW - 1 || to > capacity || from > to)
        throw new RangeError(`cannot scan ${from} to ${to} of ${capacity}`)
      const end = scan(DATA_AT + from, DATA_AT + to, mask, 0, FILTER_AT)
      return end === 0 ? -1 : end - DATA_AT
    },
  }
}
