import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes, fromHex, toHex } from './bytes.ts'
import { MAX_DEPTH, decodeCbor, encodeCbor } from './cbor.ts'
import { MalformedError } from './errors.ts'

const numRuns = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

/** Another implementation, whose decoder also takes what isn't deterministic: what it gives is encoded again and compared. */
function byCborg(bytes: Uint8Array): unknown {
  const value: unknown = cborgDecode(bytes, {
    useMaps: true,
    strict: true,
    rejectDuplicateMapKeys: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
    allowBigInt: false,
  })
  if (!equalBytes(cborgEncode(value, rfc8949EncodeOptions), bytes)) throw new Error('not deterministic')
  return value
}

/** Whether a value is of the types that objects have. */
function isOurs(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value === 'boolean' || typeof value === 'string' || value instanceof Uint8Array) return true
  if (depth === MAX_DEPTH) return false
  if (Array.isArray(value)) return value.every((item) => isOurs(item, depth + 1))
  if (!(value instanceof Map)) return false
  return [...value].every(
    ([key, item]) => typeof key === 'number' && Number.isInteger(key) && key >= 0 && isOurs(item, depth + 1),
  )
}

function outcome(decode: () => unknown): unknown {
  try {
    return decode()
  } catch {
    return undefined
  }
}

function expectAgreement(bytes: Uint8Array): void {
  let ours: unknown
  try {
    ours = decodeCbor(bytes, 'it')
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError)
  }
  const theirs = outcome(() => byCborg(bytes))
  expect(ours).toEqual(isOurs(theirs) ? theirs : undefined)
  if (ours !== undefined) expect(toHex(encodeCbor(ours))).toBe(toHex(bytes))
}

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.maxSafeInteger(),
    fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    fc.constantFrom(-1, -24, -25, -256, -257, -65_537, -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER),
    fc.boolean(),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.array(fc.tuple(fc.nat(), tie('value')), { maxLength: 30 }).map((pairs) => new Map(pairs)),
  ),
}))

describe('deterministic CBOR', () => {
  test('fuzz: what is encoded is what cborg makes of it, and decodes to the same value', () => {
    fc.assert(
      fc.property(value, (it) => {
        fc.pre(isOurs(it))
        const bytes = encodeCbor(it)
        expect(toHex(bytes)).toBe(toHex(cborgEncode(it, rfc8949EncodeOptions)))
        expect(decodeCbor(bytes, 'it')).toEqual(it)
      }),
      { numRuns },
    )
  })

  test('fuzz: changed bytes are accepted or refused as by cborg with a comparison', () => {
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(value, changes, fc.nat(8), (it, bytesAt, cut) => {
        fc.pre(isOurs(it))
        const bytes = encodeCbor(it)
        for (const [at, byte] of bytesAt) bytes[at % bytes.length] = byte
        expectAgreement(bytes.subarray(0, Math.max(0, bytes.length - Math.max(0, cut - 4))))
      }),
      { numRuns },
    )
  })

  test('fuzz: arbitrary bytes are accepted or refused as by cborg with a comparison', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), expectAgreement), { numRuns })
  })

  test.each([
    ['no bytes', ''],
    ['a head longer than needed', '1817'],
    ['a length longer than needed', '580100'],
    ['an integer of 64 bits beyond the safe range', '1b0020000000000000'],
    ['a negative one', '3b001fffffffffffff'],
    ['keys that fall', 'a201000000'],
    ['a key twice', 'a201000100'],
    ['a text as key', 'a1616100'],
    ['a negative key', 'a12000'],
    ['half, single, double floats', 'f90000'],
    ['null', 'f6'],
    ['undefined', 'f7'],
    ['a tag', 'c000'],
    ['an indefinite array', '9fff'],
    ['indefinite bytes', '5f4100ff'],
    ['reserved', '1c'],
    ['bytes after the end', '0000'],
    ['a length beyond the input', '5affffffff'],
    ['more items than there is input', '9affffffff'],
    ['more pairs than there is input', 'bbffffffffffffffff'],
    ['a text that is no UTF-8', '61ff'],
    ['an overlong UTF-8 form', '62c080'],
    ['nesting', '8181818181818100'],
  ])('%s is refused', (_, hex) => {
    expect(() => decodeCbor(fromHex(hex)!, 'it')).toThrow(MalformedError)
  })

  test('nesting up to the limit is taken, and what is decoded is its own', () => {
    expect(decodeCbor(fromHex('81818181818100')!, 'it')).toEqual([[[[[[0]]]]]])
    const bytes = fromHex('4101')!
    const decoded = decodeCbor(bytes, 'it')
    bytes[1] = 2
    expect(decoded).toEqual(Uint8Array.of(1))
  })

  test.each([[undefined], [null], [1.5], [2 ** 53], [1n], [{}], [new Map([['a', 1]])], [new Map([[-1, 1]])]])(
    '%s is not encoded',
    (it) => {
      expect(() => encodeCbor(it)).toThrow(MalformedError)
      expect(() => encodeCbor([it])).toThrow(MalformedError)
    },
  )
})
