// Loader of the GF(2^8) matrix kernel. Memory layout, in bytes:
//   0      products: for each coefficient 16 of its products with low nibbles, 16 with high nibbles
//   8192   the matrix, row by row
//   16384  inputs, then outputs, STRIDE bytes apart
// The shards themselves stay with the caller: blocks of them pass through the kernel's memory, which is small enough
// to stay in the cache, so that the copies cost little and shards of any length and number of owners work.
import plain from './generated/reed-solomon.ts'
import relaxed from './generated/reed-solomon-relaxed.ts'
import { ensureMemory, instantiate, type KernelVariant } from './instantiate.ts'

const MATRIX_AT = 8192
const SHARDS_AT = 16_384

/** Inputs and outputs of one multiplication together; also what bounds the matrix. */
export const MAX_SHARDS = 64

/** Large enough that calls cost little, small enough that six of them fit the second-level cache. */
const BLOCK_BYTES = 32_768

/** Without the padding, shards a power of two apart fall on the same lines of the first-level cache. */
const STRIDE = BLOCK_BYTES + 192

const VECTOR_BYTES = 16

export interface ReedSolomonKernel {
  /**
   * Sets outputs[r][i] = sum over c of matrix[r * inputs.length + c] * inputs[c][i] over GF(2^8) modulo 0x11d. Inputs
   * end where they end and are zero from there on; each output is filled for its own length. 1 to 64 inputs and
   * outputs together.
   */
  multiply(matrix: Uint8Array, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void
}

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

  return {
    multiply(matrix, inputs, outputs) {
      const columns = inputs.length
      const rows = outputs.length
      if (columns < 1 || columns + rows > MAX_SHARDS || matrix.length !== rows * columns)
        throw new RangeError(
          `cannot multiply ${matrix.length} coefficients, ${columns} inputs, ${rows} outputs`,
        )
      const outputAt = SHARDS_AT + columns * STRIDE
      const total = outputs.reduce((longest, output) => Math.max(longest, output.length), 0)
      memory.set(matrix, MATRIX_AT)
      for (let at = 0; at < total; at += BLOCK_BYTES) {
        const length = Math.min(BLOCK_BYTES, total - at)
        inputs.forEach((input, index) => {
          const start = SHARDS_AT + index * STRIDE
          const present = Math.max(0, Math.min(length, input.length - at))
          if (present > 0) memory.set(input.subarray(at, at + present), start)
          memory.fill(0, start + present, start + length)
        })
        const vectors = Math.ceil(length / VECTOR_BYTES) * VECTOR_BYTES
        run(0, MATRIX_AT, rows, columns, SHARDS_AT, outputAt, STRIDE, vectors)
        outputs.forEach((output, index) => {
          const start = outputAt + index * STRIDE
          const wanted = Math.min(length, output.length - at)
          if (wanted > 0) output.set(memory.subarray(start, start + wanted), at)
        })
      }
    },
  }
}
