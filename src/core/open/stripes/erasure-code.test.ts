import { readFileSync } from 'node:fs'
import { ReedSolomonErasure } from '@subspace/reed-solomon-erasure.wasm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { multiplyBytes } from '../../../kernels/reed-solomon-kernel.ts'
import { fromHex, toHex } from '../bytes.ts'
import { at, generatorMatrix, invert, multiply, selectRows } from './erasure-code-matrix.ts'
import { encodeParity, reconstruct } from './erasure-code.ts'
import { NotEnoughShardsError, UsageError } from '../errors.ts'
import { MAX_SHARD_BYTES, type Scheme } from './stripe.ts'

/** Deterministic bytes that differ between shards. */
function bytes(length: number, seed: number): Uint8Array {
  let state = seed * 2654435761 + 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** Straight from the definition, byte by byte. */
function scalarParity({ k, n }: Scheme, data: readonly Uint8Array[]): Uint8Array[] {
  const generator = generatorMatrix(k, n)
  const longest = Math.max(...data.map((shard) => shard.length))
  return Array.from({ length: n - k }, (_, row) =>
    Uint8Array.from({ length: longest }, (_, i) =>
      data.reduce(
        (sum, shard, column) => sum ^ multiplyBytes(at(generator, k + row, column), shard[i] ?? 0),
        0,
      ),
    ),
  )
}

function stripeOf(scheme: Scheme, data: readonly Uint8Array[]): { all: Uint8Array[]; lengths: number[] } {
  const all = [...data, ...encodeParity(scheme, data)]
  return { all, lengths: all.map((shard) => shard.length) }
}

const reference = ReedSolomonErasure.fromBytes(
  readFileSync(
    new URL(
      import.meta
        .resolve('@subspace/reed-solomon-erasure.wasm')
        .replace('index.js', 'reed_solomon_erasure_bg.wasm'),
    ),
  ),
)

const schemes = fc
  .tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 }))
  .map(([a, b]) => ({ k: Math.min(a, b), n: Math.max(a, b) }))

describe('encodeParity', () => {
  test('agrees with a scalar implementation, for uneven and empty shards', () => {
    fc.assert(
      fc.property(
        schemes,
        fc.nat(),
        fc.infiniteStream(fc.integer({ min: 0, max: 200 })),
        (scheme, seed, sizes) => {
          const data = Array.from({ length: scheme.k }, (_, i) => bytes(sizes.next().value ?? 0, seed + i))
          expect(encodeParity(scheme, data)).toEqual(scalarParity(scheme, data))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('agrees with reed-solomon-erasure across block borders', () => {
    for (const [k, n] of [
      [4, 6],
      [10, 14],
      [1, 3],
      [3, 4],
      [17, 20],
      [40, 64],
      [2, 4],
    ] as const)
      for (const length of [1, 15, 17, 4_096, 32_768, 32_769, 100_001]) {
        const data = Array.from({ length: k }, (_, i) => bytes(length, i + length))
        const flat = new Uint8Array(n * length)
        data.forEach((shard, i) => flat.set(shard, i * length))
        expect(reference.encode(flat, k, n - k)).toBe(ReedSolomonErasure.RESULT_OK)
        encodeParity({ k, n }, data).forEach((shard, row) => {
          expect(Buffer.compare(shard, flat.subarray((k + row) * length, (k + row + 1) * length))).toBe(0)
        })
      }
  })

  test('writes to given buffers and returns their filled part', () => {
    const data = [bytes(100, 1), bytes(70, 2)]
    const into = [new Uint8Array(200).fill(7), new Uint8Array(100)]
    const parity = encodeParity({ k: 2, n: 4 }, data, into)
    expect(parity).toEqual(encodeParity({ k: 2, n: 4 }, data))
    expect(parity[0]!.buffer).toBe(into[0]!.buffer)
    expect(into[0]!.subarray(100)).toEqual(new Uint8Array(100).fill(7))
    expect(() => encodeParity({ k: 2, n: 4 }, data, [new Uint8Array(100), new Uint8Array(99)])).toThrow(
      UsageError,
    )
    expect(() => encodeParity({ k: 2, n: 4 }, data, [new Uint8Array(100)])).toThrow(UsageError)
  })

  test('k = 1 is replication, k = n has no parity', () => {
    const shard = bytes(40_000, 3)
    expect(encodeParity({ k: 1, n: 3 }, [shard])).toEqual([shard, shard])
    expect(encodeParity({ k: 2, n: 2 }, [shard, shard])).toEqual([])
  })

  test('refuses schemes, counts and sizes beyond the limits', () => {
    for (const [k, n] of [
      [0, 1],
      [3, 2],
      [1, 65],
      [1.5, 3],
      [2, Number.NaN],
    ] as const)
      expect(() => encodeParity({ k, n }, [])).toThrow(UsageError)
    expect(() => encodeParity({ k: 2, n: 3 }, [bytes(1, 1)])).toThrow(UsageError)
    expect(() => encodeParity({ k: 1, n: 2 }, [new Uint8Array(MAX_SHARD_BYTES + 1)])).toThrow(UsageError)
  })

  test('takes shards of the largest size', () => {
    const scheme = { k: 2, n: 3 }
    const { all, lengths } = stripeOf(scheme, [bytes(MAX_SHARD_BYTES, 1), bytes(MAX_SHARD_BYTES - 1, 2)])
    const [rebuilt] = reconstruct(scheme, [all[0], undefined, all[2]], lengths, [1])
    expect(Buffer.compare(rebuilt!, all[1]!)).toBe(0)
  })
})

describe('reconstruct', () => {
  test('rebuilds every pattern of loss of every small scheme', () => {
    for (let n = 1; n <= 7; n += 1)
      for (let k = 1; k <= n; k += 1) {
        const scheme = { k, n }
        const { all, lengths } = stripeOf(
          scheme,
          Array.from({ length: k }, (_, i) => bytes(33 + 7 * i, n * k + i)),
        )
        for (let lost = 0; lost < 2 ** n; lost += 1) {
          const shards = all.map((shard, i) => (((lost >> i) & 1) === 1 ? undefined : shard))
          const everything = all.map((_, i) => i)
          const present = shards.filter((shard) => shard !== undefined).length
          if (present >= k) expect(reconstruct(scheme, shards, lengths, everything)).toEqual(all)
          else expect(() => reconstruct(scheme, shards, lengths, everything)).toThrow(NotEnoughShardsError)
        }
      }
  })

  test('rebuilds any n - k losses of any scheme, for uneven and empty shards', () => {
    fc.assert(
      fc.property(
        schemes,
        fc.nat(),
        fc.infiniteStream(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 }))),
        fc.infiniteStream(fc.nat()),
        (scheme, seed, sizes, order) => {
          const data = Array.from({ length: scheme.k }, (_, i) => bytes(sizes.next().value ?? 0, seed + i))
          const { all, lengths } = stripeOf(scheme, data)
          const shuffled = all
            .map((_, index) => ({ index, key: order.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ index }) => index)
          const lost = new Set(shuffled.slice(scheme.k))
          const shards = all.map((shard, i) => (lost.has(i) ? undefined : shard))
          expect(reconstruct(scheme, shards, lengths, shuffled)).toEqual(shuffled.map((i) => all[i]))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('an empty data shard never counts as lost', () => {
    const scheme = { k: 3, n: 4 }
    const { all, lengths } = stripeOf(scheme, [bytes(50, 1), new Uint8Array(0), new Uint8Array(0)])
    expect(reconstruct(scheme, [undefined, undefined, undefined, all[3]], lengths, [0, 1])).toEqual([
      all[0],
      all[1],
    ])
  })

  test('returns what is at hand as it is, and nothing for nothing', () => {
    const scheme = { k: 2, n: 3 }
    const { all, lengths } = stripeOf(scheme, [bytes(9, 1), bytes(5, 2)])
    expect(reconstruct(scheme, [all[0], undefined, undefined], lengths, [0])[0]).toBe(all[0])
    expect(reconstruct(scheme, [undefined, undefined, undefined], lengths, [])).toEqual([])
    expect(reconstruct(scheme, [all[0], undefined, all[2]], lengths, [1, 1, 0])).toEqual([
      all[1],
      all[1],
      all[0],
    ])
  })

  test('says how many shards are needed', () => {
    const lengths = [5, 5, 5]
    expect(() => reconstruct({ k: 2, n: 3 }, [bytes(5, 1), undefined, undefined], lengths, [1])).toThrow(
      expect.objectContaining({ facts: { needed: 2, present: 1 } }),
    )
  })

  test('refuses arguments that do not fit', () => {
    const a = bytes(5, 1)
    const scheme = { k: 2, n: 3 }
    expect(() => reconstruct(scheme, [a, a], [5, 5, 5], [0])).toThrow(UsageError)
    expect(() => reconstruct(scheme, [a, a, a], [5, 5], [0])).toThrow(UsageError)
    expect(() => reconstruct(scheme, [a, a, a], [5, 4, 5], [0])).toThrow(UsageError)
    expect(() => reconstruct(scheme, [a, a, a], [5, 5, 6], [0])).toThrow(UsageError)
    expect(() => reconstruct(scheme, [a, a, a], [5, 5, -1], [0])).toThrow(UsageError)
    for (const wanted of [3, -1, 0.5])
      expect(() => reconstruct(scheme, [a, a, a], [5, 5, 5], [wanted])).toThrow(UsageError)
  })
})

describe('matrices', () => {
  test('a matrix times its inverse is the identity', () => {
    for (const k of [1, 2, 5, 16, 32]) {
      const square = selectRows(
        generatorMatrix(k, 2 * k),
        Array.from({ length: k }, (_, i) => i + k),
      )
      const identity = generatorMatrix(k, k)
      expect(multiply(square, invert(square))).toEqual(identity)
      expect(multiply(invert(square), square)).toEqual(identity)
    }
  })

  test('a singular matrix has no inverse', () => {
    expect(() => invert({ rows: 2, columns: 2, values: Uint8Array.of(1, 2, 1, 2) })).toThrow(RangeError)
  })
})

interface Vectors {
  readonly generators: readonly { k: number; n: number; parityRows: readonly string[] }[]
  readonly stripes: readonly { k: number; n: number; data: readonly string[]; parity: readonly string[] }[]
}

test('vectors', () => {
  const file = new URL('../../../../vectors/erasure-code.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
  expect(vectors.generators.length).toBeGreaterThan(3)
  for (const { k, n, parityRows } of vectors.generators) {
    const generator = generatorMatrix(k, n)
    const rows = Array.from({ length: n - k }, (_, row) => toHex(selectRows(generator, [k + row]).values))
    expect(rows).toEqual(parityRows)
  }
  expect(vectors.stripes.length).toBeGreaterThan(3)
  for (const { k, n, data, parity } of vectors.stripes) {
    const shards = data.map((shard) => fromHex(shard)!)
    expect(encodeParity({ k, n }, shards).map(toHex)).toEqual(parity)
  }
})
