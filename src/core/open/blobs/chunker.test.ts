import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chunkStream,
  createChunker,
  gearFromBytes,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  NORMAL_CHUNK_BYTES,
  type Chunker,
} from './chunker.ts'
import { UsageError } from '../errors.ts'

/** The generator of docs/spec/chunker.md. */
function* xorshift(seed: number): Generator<number, never> {
  let x = seed
  for (;;) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    yield x >>> 0
  }
}

function gearOf(seed: number): Uint32Array {
  const random = xorshift(seed)
  return Uint32Array.from({ length: 256 }, () => random.next().value)
}

function dataOf(seed: number, length: number, alphabet?: Uint8Array): Uint8Array {
  const random = xorshift(seed)
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i += 1) {
    const letter = random.next().value >>> 24
    out[i] = alphabet === undefined ? letter : alphabet[letter % alphabet.length]!
  }
  return out
}

const timesX = (v: number): number => ((v << 1) ^ ((v & 0x80) === 0 ? 0 : 0x11d)) & 0xff
const timesPower = (v: number, power: number): number => (power === 0 ? v : timesPower(timesX(v), power - 1))

/** The rule of docs/spec/chunker.md, straight: one position after the other. */
function scalarCuts(gear: Uint32Array, data: Uint8Array): number[] {
  const letters = Uint8Array.from({ length: 256 }, (_, b) => gear[b & 15]! ^ gear[16 + (b >> 4)]!)
  const weights = [0, 2, 1, 3, 4, 6, 5, 7].map((power) => letters.map((value) => timesPower(value, power)))
  const cuts: number[] = []
  for (let start = 0; start < data.length; start = cuts.at(-1)!) {
    const most = Math.min(MAX_CHUNK_BYTES, data.length - start)
    let length = MIN_CHUNK_BYTES
    for (; length < most; length += 1) {
      const last = start + length - 1
      let filter = 0
      for (let lag = 0; lag < 8; lag += 1) filter ^= weights[lag]![data[last - lag]!]!
      if (filter !== 0) continue
      let hash = 0
      for (let i = last - 31; i <= last; i += 1) hash = ((hash << 1) + gear[data[i]!]!) >>> 0
      if ((hash & (length < NORMAL_CHUNK_BYTES ? 0xfff00000 : 0xff000000)) === 0) break
    }
    cuts.push(start + Math.min(length, most))
  }
  return cuts
}

function cutsOf(chunker: Chunker, data: Uint8Array): number[] {
  const cuts: number[] = []
  let at = chunker.next(data, 0, data.length, true)
  while (at !== -1) {
    cuts.push(at)
    at = chunker.next(data, at, data.length, true)
  }
  return cuts
}

/** The input in pieces of the given sizes, again and again. */
async function* pieces(data: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let turn = 0; at < data.length; turn += 1) {
    const size = sizes[turn % sizes.length]!
    yield data.subarray(at, at + size)
    at += size
  }
}

async function streamCuts(chunker: Chunker, data: Uint8Array, sizes: readonly number[]): Promise<number[]> {
  const cuts: number[] = []
  let at = 0
  for await (const chunk of chunkStream(pieces(data, sizes), chunker)) {
    expect(Buffer.compare(chunk, data.subarray(at, at + chunk.length))).toBe(0)
    at += chunk.length
    cuts.push(at)
  }
  return cuts
}

const gear = gearOf(1)
const random = dataOf(2, 6_000_000)
const dna = dataOf(3, 4_000_000, new TextEncoder().encode('ACGT'))
const zeros = new Uint8Array(2_500_000)

describe('createChunker', () => {
  test('cuts where the scalar rule does', () => {
    const chunker = createChunker(gear)
    for (const data of [random, dna, zeros]) expect(cutsOf(chunker, data)).toEqual(scalarCuts(gear, data))
  })

  test('takes every position for a cut with a table of zeros, and none with a table of ones', () => {
    const always = cutsOf(createChunker(new Uint32Array(256)), random)
    expect(always.every((cut, i) => cut === Math.min(random.length, (i + 1) * MIN_CHUNK_BYTES))).toBe(true)
    const never = cutsOf(createChunker(new Uint32Array(256).map((_, i) => (i === 0 ? 1 : 0))), zeros)
    expect(never).toEqual([MAX_CHUNK_BYTES, 2 * MAX_CHUNK_BYTES, zeros.length])
  })

  test('cuts the same in its own buffer as in any other', () => {
    const chunker = createChunker(gear, random.length)
    expect(chunker.buffer.length).toBe(random.length)
    chunker.buffer.set(random)
    expect(cutsOf(chunker, chunker.buffer)).toEqual(cutsOf(createChunker(gear), random))
    expect(cutsOf(chunker, chunker.buffer.subarray(77))).toEqual(scalarCuts(gear, random.subarray(77)))
  })

  test('holds the limits', () => {
    for (const length of [1, MIN_CHUNK_BYTES - 1, MIN_CHUNK_BYTES])
      expect(cutsOf(createChunker(gear), random.subarray(0, length))).toEqual([length])
    expect(cutsOf(createChunker(gear), zeros.subarray(0, MAX_CHUNK_BYTES))).toEqual([MAX_CHUNK_BYTES])
    expect(cutsOf(createChunker(gear), zeros.subarray(0, MAX_CHUNK_BYTES + 1))).toEqual([
      MAX_CHUNK_BYTES,
      MAX_CHUNK_BYTES + 1,
    ])
    expect(createChunker(gear).next(random, 5, 5, true)).toBe(-1)
  })

  test('does not need the bytes after a cut, nor those scanned before', () => {
    const [first = 0] = scalarCuts(gear, random.subarray(0, 2 * MAX_CHUNK_BYTES))
    const chunker = createChunker(gear)
    for (let end = 0; end < first; end += 1_009) expect(chunker.next(random, 0, end, false)).toBe(-1)
    expect(chunker.next(random, 0, first, false)).toBe(first)
    expect(chunker.next(random, first, first, false)).toBe(-1)
  })

  test('refuses unusable arguments', () => {
    expect(() => createChunker(new Uint32Array(255))).toThrow(UsageError)
    expect(() => createChunker(gear, -1)).toThrow(UsageError)
    const chunker = createChunker(gear)
    for (const [start, end] of [
      [-1, 1],
      [2, 1],
      [0, random.length + 1],
      [Number.NaN, 1],
    ] as const)
      expect(() => chunker.next(random, start, end, false)).toThrow(UsageError)
    expect(chunker.next(random, 0, 100, false)).toBe(-1)
    expect(() => chunker.next(random, 0, 99, false)).toThrow(UsageError)
    chunker.reset()
    expect(chunker.next(random, 0, 99, true)).toBe(99)
  })
})

test('gearFromBytes reads little-endian entries, from any place in a buffer', () => {
  const bytes = dataOf(4, 1_025).subarray(1)
  const table = gearFromBytes(bytes)
  expect(table.length).toBe(256)
  expect(table[1]).toBe(bytes[4]! + bytes[5]! * 2 ** 8 + bytes[6]! * 2 ** 16 + bytes[7]! * 2 ** 24)
  expect(() => gearFromBytes(bytes.subarray(1))).toThrow(UsageError)
})

describe('chunkStream', () => {
  test('does not depend on how the input is split into reads', async () => {
    const chunker = createChunker(gear)
    const resident = createChunker(gear, 2 * MAX_CHUNK_BYTES)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(random, dna, zeros),
        fc.nat(1_000_000),
        fc.integer({ min: 0, max: 2_500_000 }),
        fc.array(fc.integer({ min: 0, max: 3_000_000 }), { minLength: 1, maxLength: 4 }),
        async (source, from, length, sizes) => {
          const data = source.subarray(from, from + length)
          const expected = cutsOf(createChunker(gear), data)
          const positive = [...sizes, 60_000]
          expect(await streamCuts(chunker, data, positive)).toEqual(expected)
          expect(await streamCuts(resident, data, positive)).toEqual(expected)
        },
      ),
      { numRuns: 40 },
    )
    expect(await streamCuts(chunker, random.subarray(0, 700_000), [1, 31, 0, 97])).toEqual(
      cutsOf(createChunker(gear), random.subarray(0, 700_000)),
    )
  })

  test('an empty input has no chunk', async () => {
    expect(await streamCuts(createChunker(gear), new Uint8Array(0), [1])).toEqual([])
  })

  test('passes an error of the source on, and serves the next stream afterwards', async () => {
    const chunker = createChunker(gear)
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield random.subarray(0, 100)
      throw new UsageError('the file vanished')
    }
    await expect(chunkStream(broken(), chunker).next()).rejects.toThrow('the file vanished')
    expect(await streamCuts(chunker, random.subarray(0, 50), [7])).toEqual([50])
  })
})

describe('the format', () => {
  test('has a mean near 256 KiB on random and on low-entropy data', () => {
    for (const alphabet of [undefined, Uint8Array.of(65, 67, 71, 84), Uint8Array.of(0, 1)]) {
      const data = dataOf(5, 32_000_000, alphabet)
      const mean = data.length / cutsOf(createChunker(gear), data).length
      expect(mean).toBeGreaterThan(200_000)
      expect(mean).toBeLessThan(330_000)
    }
  })

  test('small inserts change less than two mean chunks each', () => {
    const before = dataOf(11, 64_000_000)
    const places = xorshift(12)
    const at = Array.from({ length: 16 }, () => places.next().value % before.length).toSorted((a, b) => a - b)
    const parts = at.map((place, i) =>
      Buffer.concat([before.subarray(at[i - 1] ?? 0, place), dataOf(place + 1, 10)]),
    )
    const after = Buffer.concat([...parts, before.subarray(at.at(-1))])
    const chunker = createChunker(gear)
    const chunksOf = (data: Uint8Array): string[] => {
      const cuts = cutsOf(chunker, data)
      return cuts.map((cut, i) => Buffer.from(data.subarray(cuts[i - 1] ?? 0, cut)).toString('latin1'))
    }
    const known = new Set(chunksOf(before))
    const added = chunksOf(after).reduce((sum, chunk) => sum + (known.has(chunk) ? 0 : chunk.length), 0)
    expect(added).toBeLessThan(2 * 262_144 * at.length)
  })

  test('vectors', () => {
    const file = new URL('../../../../vectors/chunker.json', import.meta.url)
    const { cases } = JSON.parse(readFileSync(file, 'utf8')) as {
      cases: { gearSeed: number; seed: number; length: number; alphabet?: string; cuts: number[] }[]
    }
    expect(cases.length).toBeGreaterThan(5)
    for (const { gearSeed, seed, length, alphabet, cuts } of cases) {
      const letters = alphabet === undefined ? undefined : Buffer.from(alphabet, 'hex')
      expect(cutsOf(createChunker(gearOf(gearSeed)), dataOf(seed, length, letters))).toEqual(cuts)
    }
  })
})
