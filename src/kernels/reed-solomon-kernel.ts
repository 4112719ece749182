// Loader of the GF(2^8) matrix kernel. Memory layout, in bytes:
//   0      products: for each coefficient 16 of its products with low nibbles, 16 with high nibbles
//   8192   the matrix, row by row
//   16448  inputs, then outputs, STRIDE bytes apart
// The shards themselves stay with the caller: blocks of them pass through the kernel's memory, which is small enough
// to stay in the cache, so that the copies cost little and shards of any length and number of owners work. While a block
// is there, the caller may hash it: in front of each stands a zero byte, the prefix of a Merkle leaf.
import plain from './generated/reed-solomon.ts'
import relaxed from './generated/reed-solomon-relaxed.ts'
import { ensureMemory, instantiate, type KernelVariant } from './instantiate.ts'

const MATRIX_AT = 8192
const SHARDS_AT = 16_384 + 64

/** Inputs and outputs of one multiplication together; also what bounds the matrix. */
export const MAX_SHARDS = 64

/** A leaf of a shard's tree: large enough that calls cost little, small enough that six fit the second-level cache. */
export const BLOCK_BYTES = 16_384

/** Without the padding, shards a power of two apart fall on the same lines of the first-level cache. */
const STRIDE = BLOCK_BYTES + 192

const VECTOR_BYTES = 16

export interface ReedSolomonKernel {
  /**
   * Sets outputs[r][i] = sum over c of matrix[r * inputs.length + c] * inputs[c][i] over GF(2^8) modulo 0x11d. Inputs
   * end where they end and are zero from there on; each output is filled for its own length. 1 to 64 inputs and
   * outputs together. `visit` sees every block of every input and output while it is in the cache, each shard's in
   * order; then inputs are visited to their ends, also beyond the longest output.
   */
  multiply(
    matrix: Uint8Array,
    inputs: readonly Uint8Array[],
    outputs: readonly Uint8Array[],
    visit?: VisitBlock,
  ): void
}

/**
 * Gets a zero byte and behind it up to BLOCK_BYTES of the shard (inputs first, then outputs). The view is valid, and its
 * content stays, only during the call.
 */
export type VisitBlock = (shard: number, block: Uint8Array) => void

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), bit by bit. */
export function multiplyBytes(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = ((product << 1) ^ ((product & 0x80) === 0 ? 0 : 0x11d)) & 0xff
    if (((b >> bit) & 1) === 1) product ^= a
  }
  return product
}

/** An instance with a memory of its own (2.1 MiB). */
export function createReedSolomonKernel(variant?: KernelVariant): ReedSolomonKernel {
  const kernel = instantiate({ plain, relaxed }, variant)
  ensureMemory(kernel.memory, SHARDS_AT + MAX_SHARDS * STRIDE)
  const run = kernel.function('multiply')
  const memory = new Uint8Array(kernel.memory.buffer)
  for (let coefficient = 0; coefficient < 256; coefficient += 1)
    for (let nibble = 0; nibble < 16; nibble += 1) {
      memory[coefficient * 32 + nibble] = multiplyBytes(coefficient, nibble)
      memory[coefficient * 32 + 16 + nibble] = multiplyBytes(coefficient, nibble << 4)
    }

  const placeOf = (shard: number): number => SHARDS_AT + shard * STRIDE
  const fullBlocks = Array.from({ length: MAX_SHARDS }, (_, shard) =>
    memory.subarray(placeOf(shard) - 1, placeOf(shard) + BLOCK_BYTES),
  )
  const blockOf = (shard: number, length: number): Uint8Array =>
    length === BLOCK_BYTES ? fullBlocks[shard]! : fullBlocks[shard]!.subarray(0, length + 1)

  return {
    multiply(matrix, inputs, outputs, visit) {
      const columns = inputs.length
      const rows = outputs.length
      if (columns < 1 || columns + rows > MAX_SHARDS || matrix.length !== rows * columns)
        throw new RangeError(
          `cannot multiply ${matrix.length} coefficients, ${columns} inputs, ${rows} outputs`,
        )
      const outputAt = placeOf(columns)
      const total = longestOf(visit === undefined ? outputs : [...inputs, ...outputs])
      memory.set(matrix, MATRIX_AT)
      for (let at = 0; at < total; at += BLOCK_BYTES) {
        const length = Math.min(BLOCK_BYTES, total - at)
        for (let index = 0; index < columns; index += 1) {
          const input = inputs[index]!
          const start = placeOf(index)
          const present = Math.max(0, Math.min(length, input.length - at))
          if (present > 0) memory.set(input.subarray(at, at + present), start)
          if (present < length) memory.fill(0, start + present, start + length)
          if (present > 0) visit?.(index, blockOf(index, present))
        }
        const vectors = Math.ceil(length / VECTOR_BYTES) * VECTOR_BYTES
        run(0, MATRIX_AT, rows, columns, SHARDS_AT, outputAt, STRIDE, vectors)
        for (let index = 0; index < rows; index += 1) {
          const output = outputs[index]!
          const start = outputAt + index * STRIDE
          const wanted = Math.min(length, output.length - at)
          if (wanted <= 0) continue
          output.set(memory.subarray(start, start + wanted), at)
          visit?.(columns + index, blockOf(columns + index, wanted))
        }
      }
    },
  }
}

function longestOf(shards: readonly Uint8Array[]): number {
  return shards.reduce((longest, shard) => Math.max(longest, shard.length), 0)
}
