import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedError } from './errors.ts'
import {
  array,
  bool,
  bytes,
  bytesUpTo,
  codec,
  encodeCbor,
  int,
  oneOf,
  optional,
  struct,
  text,
  tuple,
  uint,
} from './schema.ts'

const sample = codec(
  'sample',
  struct({
    id: [0, bytes(4)],
    data: [1, bytesUpTo(8)],
    size: [2, uint()],
    label: [3, text(16)],
    on: [4, bool()],
    pairs: [5, array(tuple(uint(9), bytesUpTo(3)), 4)],
    kind: [6, oneOf([1, 2])],
    time: [7, optional(int())],
  }),
  256,
)

const value = fc.record(
  {
    id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    data: fc.uint8Array({ maxLength: 8 }),
    size: fc.maxSafeNat(),
    label: fc
      .string({ maxLength: 4, unit: 'grapheme' })
      .filter((s) => new TextEncoder().encode(s).length <= 16),
    on: fc.boolean(),
    pairs: fc.array(fc.tuple(fc.nat(9), fc.uint8Array({ maxLength: 3 })), { maxLength: 4 }),
    kind: fc.constantFrom<1 | 2>(1, 2),
    time: fc.maxSafeInteger(),
  },
  { requiredKeys: ['id', 'data', 'size', 'label', 'on', 'pairs', 'kind'] },
)

test('what is encoded decodes to the same value', () => {
  fc.assert(
    fc.property(value, (v) => {
      expect(sample.decode(sample.encode(v))).toEqual(v)
    }),
  )
})

test('fuzz: changed bytes decode to a value with exactly these bytes, or fail as malformed', () => {
  fc.assert(
    fc.property(value, fc.nat(), fc.nat(255), fc.nat(), (v, at, byte, cut) => {
      const encoded = sample.encode(v).slice()
      encoded[at % encoded.length] = byte
      const hostile = cut % 3 === 0 ? encoded.slice(0, cut % (encoded.length + 1)) : encoded
      let decoded
      try {
        decoded = sample.decode(hostile)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
        return
      }
      expect(Buffer.from(sample.encode(decoded))).toEqual(Buffer.from(hostile))
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('fuzz: arbitrary bytes fail as malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (hostile) => {
      try {
        sample.decode(hostile)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test.each([
  ['a map in the wrong order', 'a202000100'],
  ['a float', 'f93c00'],
  ['an indefinite array', '9fff'],
  ['a tag', 'c100'],
  ['undefined', 'f7'],
  ['a long form of a small number', '1800'],
  ['deep nesting', '81'.repeat(200) + '00'],
  ['a huge announced array', '9affffffff'],
  ['a huge announced byte string', '5bffffffffffffffff'],
  ['trailing bytes', '0000'],
])('refuses %s', (_, hex) => {
  const anything = codec('any', { toWire: (v: unknown) => v, fromWire: (v) => v }, 4096)
  expect(() => anything.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(MalformedError)
})

test('an unknown key is refused', () => {
  const one = codec('one', struct({ a: [0, uint()] }), 64)
  expect(() =>
    one.decode(
      encodeCbor(
        new Map([
          [0, 1],
          [1, 2],
        ]),
      ),
    ),
  ).toThrow(/unknown key 1/)
})
