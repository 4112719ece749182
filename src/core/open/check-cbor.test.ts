import { decode as cborDecode, encode as cborEncode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from './bytes.ts'
import { MAX_DEPTH, checkCbor } from './check-cbor.ts'
import { MalformedError } from './errors.ts'
import { codec, encodeCbor } from './schema.ts'

const anything = codec('any', { toWire: (v: unknown) => v, fromWire: (v) => v }, 2 ** 20)

/** What `checkCbor` stands for: the value, if it encodes to these very bytes, and has neither floats nor other keys than ours. */
function decodeAndEncodeAgain(encoded: Uint8Array): { readonly value: unknown } | undefined {
  // Decoders recurse: what is deeper is refused by either for its depth.
  if (depthOf(encoded) > MAX_DEPTH) return undefined
  try {
    const value: unknown = cborDecode(encoded, {
      useMaps: true,
      strict: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
    })
    return equalBytes(cborEncode(value, rfc8949EncodeOptions), encoded) && isOurs(value)
      ? { value }
      : undefined
  } catch {
    return undefined
  }
}

function isOurs(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (Array.isArray(value)) return value.every(isOurs)
  if (!(value instanceof Map)) return true
  return [...value].every(([key, item]) => Number.isSafeInteger(key) && key >= 0 && isOurs(item))
}

/** Levels of arrays and maps, as far as headers can be followed; a float, a tag and what is cut short count as one level. */
function depthOf(encoded: Uint8Array): number {
  let at = 0
  const item = (level: number): number => {
    const initial = encoded[at++] ?? 0
    const major = initial >> 5
    let argument = initial & 31
    if (argument >= 24) {
      const width = argument > 27 ? 0 : 1 << (argument - 24)
      argument = 0
      for (let i = 0; i < width; i++) argument = argument * 256 + (encoded[at++] ?? 0)
    }
    if (major === 2 || major === 3) at += argument
    if ((major !== 4 && major !== 5) || level > MAX_DEPTH) return level
    let deepest = level + 1
    for (let i = major === 5 ? 2 * argument : argument; i > 0 && at < encoded.length; i--)
      deepest = Math.max(deepest, item(level + 1))
    return deepest
  }
  return item(0)
}

const MARK = fromHex('efbbbf')!
/** Header of a major type, in more bytes than needed if asked. */
function header(major: number, argument: number | bigint, longer: number): Uint8Array {
  const value = BigInt(argument)
  const shortest = [24n, 256n, 65_536n, 2n ** 32n].filter((least) => value >= least).length
  const width = Math.min(4, shortest + longer)
  if (width === 0) return Uint8Array.of((major << 5) | Number(value))
  const out = new Uint8Array(1 + (1 << (width - 1)))
  out[0] = (major << 5) | (23 + width)
  let rest = value
  for (let i = out.length - 1; i > 0; i--) {
    out[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return out
}

/** Mostly in the shortest form. */
const longer = fc.oneof({ weight: 60, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) })
const uint64 = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt({ min: 0n, max: 300n }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(23n, 24n, 255n, 256n, 65_535n, 65_536n, 2n ** 32n - 1n, 2n ** 32n),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 1n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 53n - 2n }) },
  { weight: 1, arbitrary: fc.constant(2n ** 64n - 1n) },
)
const integer = fc.tuple(fc.constantFrom(0, 0, 1), uint64, longer).map((args) => header(...args))
const blob = fc
  .tuple(fc.uint8Array({ maxLength: 30 }), longer)
  .map(([bytes, more]) => concatBytes(header(2, bytes.length, more), bytes))
const textBytes = fc.oneof(
  { weight: 12, arbitrary: fc.string({ maxLength: 40, unit: 'binary' }).map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }).map((text) => concatBytes(MARK, utf8(text))) },
)
const text = fc
  .tuple(textBytes, longer)
  .map(([bytes, more]) => concatBytes(header(3, bytes.length, more), bytes))
const simple = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('f4', 'f5', 'f6').map((hex) => fromHex(hex)!) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        'e0',
        'f3',
        'f7',
        'f818',
        'f820',
        'f8ff',
        'f93c00',
        'f93e00',
        'f97e00',
        'f98000',
        'fc',
        'ff',
      )
      .map((hex) => fromHex(hex)!),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('fa47c35000', 'fb3ff199999999999a', 'c100', 'd81800', '9f00ff')
      .map((hex) => fromHex(hex)!),
  },
)
const key = fc.oneof(
  { weight: 40, arbitrary: fc.nat(30).map((n) => header(0, n, 0)) },
  { weight: 1, arbitrary: fc.oneof(integer, blob, text) },
)

const { item } = fc.letrec<{ item: Uint8Array; array: Uint8Array; map: Uint8Array }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: integer },
    { weight: 2, arbitrary: blob },
    { weight: 1, arbitrary: text },
    { weight: 1, arbitrary: simple },
    { weight: 3, arbitrary: tie('array') },
    { weight: 3, arbitrary: tie('map') },
  ),
  array: fc
    .tuple(fc.array(tie('item'), { maxLength: 4 }), longer)
    .map(([items, more]) => concatBytes(header(4, items.length, more), ...items)),
  map: fc
    .tuple(fc.array(fc.tuple(key, tie('item')), { maxLength: 4 }), fc.nat(15), longer)
    .map(([entries, order, more]) => {
      // Mostly as they belong: seldom as they came, or one of them twice.
      const sorted = order === 0 ? entries : entries.toSorted(([a], [b]) => Buffer.compare(a, b))
      const unique =
        order <= 1 ? sorted : sorted.filter(([a], i) => i === 0 || !equalBytes(a, sorted[i - 1]![0]))
      return concatBytes(header(5, unique.length, more), ...unique.flat())
    }),
}))
/** Sometimes about as deep as may be. */
const nested = fc
  .tuple(item, fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.nat(MAX_DEPTH + 1)))
  .map(([bytes, levels]) => concatBytes(new Uint8Array(levels).fill(0x81), bytes))
/** One of them changed, cut or added to. */
const changed = fc
  .tuple(nested, fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'insert', 'append'))
  .map(([bytes, place, byte, how]) => {
    const at = place % bytes.length
    if (how === 'cut') return bytes.slice(0, at)
    if (how === 'append') return concatBytes(bytes, Uint8Array.of(byte))
    return concatBytes(
      bytes.subarray(0, at),
      Uint8Array.of(byte),
      bytes.subarray(how === 'set' ? at + 1 : at),
    )
  })

test('fuzz: the verdict is that of decoding, encoding again and comparing', () => {
  const verdicts = { taken: 0, refused: 0 }
  fc.assert(
    fc.property(
      fc.oneof(
        { weight: 5, arbitrary: nested },
        { weight: 4, arbitrary: changed },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 24 }) },
      ),
      (encoded) => {
        const before = decodeAndEncodeAgain(encoded)
        let isTaken = true
        try {
          checkCbor(encoded, 'it')
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
          isTaken = false
        }
        // What passes, the library takes as well.
        expect(isTaken ? { value: anything.decode(encoded) } : undefined, toHex(encoded)).toEqual(before)
        verdicts[isTaken ? 'taken' : 'refused']++
      },
    ),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
  // Else it tells little.
  const least = (verdicts.taken + verdicts.refused) / 10
  expect(verdicts.taken).toBeGreaterThan(least)
  expect(verdicts.refused).toBeGreaterThan(least)
})

test.each([
  ['no bytes', ''],
  ['a negative key', 'a12000'],
  ['a text as a key', 'a1616100'],
  ['an array as a key', 'a18000'],
  ['a key that stands twice', 'a201000100'],
  ['keys that fall', 'a218200001f5'],
  ['a float that no integer is', 'f93e00'],
  ['a simple value', 'f818'],
  ['a length in more bytes than it needs', '580100'],
  ['2^53', '1b0020000000000000'],
  ['-2^53', '3b001fffffffffffff'],
  ['an invalid byte in a text', '61ff'],
  ['half of a character', '62c3'],
  ['a lone surrogate', '63eda080'],
  ['a byte order mark', '63efbbbf'],
  ['an array within six', '81'.repeat(MAX_DEPTH + 1) + '00'],
  ['an empty one within six', '81'.repeat(MAX_DEPTH) + '80'],
  ['a map without its last value', 'a201000200'.slice(0, -2)],
])('refuses %s', (_, hex) => {
  expect(() => checkCbor(fromHex(hex)!, 'it')).toThrow(MalformedError)
})

test.each([
  ['six levels', '81'.repeat(MAX_DEPTH) + '00'],
  ['null, false and true', '83f6f4f5'],
  ['the largest integer', '1b001fffffffffffff'],
  ['the least integer', '3b001ffffffffffffe'],
  ['keys of one byte and of two', 'a317001818001903e800'],
])('takes %s', (_, hex) => {
  const encoded = fromHex(hex)!
  checkCbor(encoded, 'it')
  expect(toHex(encodeCbor(anything.decode(encoded)))).toBe(hex)
})
