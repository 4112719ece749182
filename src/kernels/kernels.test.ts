import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CHUNKER_WINDOW, createChunkerKernel } from './chunker-kernel.ts'
import { chooseVariant, instantiate, SimdUnsupportedError } from './instantiate.ts'
import { createReedSolomonKernel, multiplyBytes } from './reed-solomon-kernel.ts'
import plain from './generated/reed-solomon.ts'
import relaxed from './generated/reed-solomon-relaxed.ts'

const modules = { plain, relaxed }
const variants = [undefined, 'plain'] as const

describe('chooseVariant', () => {
  test('falls back to plain SIMD, and fails with a type of its own without any', () => {
    const sizeOf = (base64: string): number => Buffer.from(base64, 'base64').length
    expect(chooseVariant(modules, () => true)).toBe('relaxed')
    expect(chooseVariant(modules, (bytes) => bytes.length !== sizeOf(relaxed))).toBe('plain')
    expect(() => chooseVariant(modules, () => false)).toThrow(SimdUnsupportedError)
  })
})

test('a missing export is told', () => {
  expect(() => instantiate(modules).function('nothing')).toThrow('no function nothing')
})

describe.each(variants)('reed-solomon kernel (%s)', (variant) => {
  const kernel = createReedSolomonKernel(variant)

  test('multiplies any matrix with shards of any lengths', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 70 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(70), { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.nat(255)),
        (inputs, lengths, coefficients) => {
          const size = inputs.length * lengths.length
          const matrix = Uint8Array.from({ length: size }, () => coefficients.next().value ?? 0)
          const outputs = lengths.map((length) => new Uint8Array(length).fill(9))
          kernel.multiply(matrix, inputs, outputs)
          const expected = lengths.map((length, row) =>
            Uint8Array.from({ length }, (_, i) =>
              inputs.reduce(
                (sum, input, column) =>
                  sum ^ multiplyBytes(matrix[row * inputs.length + column]!, input[i] ?? 0),
                0,
              ),
            ),
          )
          expect(outputs).toEqual(expected)
        },
      ),
    )
  })

  test('refuses shapes that do not fit', () => {
    const shard = new Uint8Array(1)
    expect(() => kernel.multiply(new Uint8Array(2), [shard], [shard])).toThrow(RangeError)
    expect(() => kernel.multiply(new Uint8Array(0), [], [shard])).toThrow(RangeError)
    const many = Array.from({ length: 33 }, () => shard)
    expect(() => kernel.multiply(new Uint8Array(33 * 33), many, many)).toThrow(RangeError)
  })
})

describe.each(variants)('chunker kernel (%s)', (variant) => {
  test('finds every position that qualifies, whatever the range', () => {
    // With these tables the filter is zero everywhere, and the gear hash counts ones: it sees 32 bytes.
    const gear = new Uint32Array(256)
    gear[0xff] = 0x100
    const kernel = createChunkerKernel(gear, 4_096, variant)
    fc.assert(
      fc.property(fc.integer({ min: 31, max: 4_000 }), fc.nat(90), fc.nat(96), (from, length, offset) => {
        kernel.data.fill(0)
        kernel.data[from - CHUNKER_WINDOW + 1 + offset] = 0xff
        const to = Math.min(from + length, 4_096)
        // Bit 31 is set by the 0xff that is 23 bytes back.
        const expected = (at: number): boolean => at - (from - CHUNKER_WINDOW + 1 + offset) !== 23
        let found = -1
        for (let at = from; at < to && found === -1; at += 1) if (expected(at)) found = at + 1
        expect(kernel.scan(from, to, 0x80000000)).toBe(found)
      }),
    )
  })

  test('refuses ranges and tables beyond the memory', () => {
    const kernel = createChunkerKernel(new Uint32Array(256), 100, variant)
    for (const [from, to] of [
      [30, 50],
      [31, 101],
      [60, 50],
    ] as const)
      expect(() => kernel.scan(from, to, 0)).toThrow(RangeError)
    expect(() => createChunkerKernel(new Uint32Array(257), 100, variant)).toThrow(RangeError)
  })
})
