import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../bytes.ts'
import { checkEncryptionKey, checkSigningKey } from './curve-key.ts'
import { UntrustedError } from '../errors.ts'

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
const runs = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

/** All points of order 1, 2, 4, 8 in their canonical encodings. */
const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
]

test('keys of seeds are taken', () => {
  fc.assert(
    fc.property(seed, (s) => checkSigningKey(ed25519.getPublicKey(s))),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(seed, (s) => checkEncryptionKey(x25519.getPublicKey(s))),
    { numRuns: 50 },
  )
})

test.each(SMALL_ORDER)('attack 33: the small-order signing key %s is refused', (hex) => {
  expect(() => checkSigningKey(fromHex(hex)!)).toThrow(UntrustedError)
})

test('attack 33: a key with a torsion component is refused', () => {
  for (const hex of SMALL_ORDER.slice(1)) {
    const torsion = ed25519.Point.fromHex(hex, true)
    const mixed = ed25519.Point.BASE.multiply(7n).add(torsion)
    expect(() => checkSigningKey(mixed.toBytes()), hex).toThrow(UntrustedError)
  }
})

test('attack 33: non-canonical encodings are refused', () => {
  // y = p, p + 1, and x = 0 with its sign bit set.
  for (const hex of [
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0100000000000000000000000000000000000000000000000000000000000080',
  ])
    expect(() => checkSigningKey(fromHex(hex)!)).toThrow(UntrustedError)
})

test.each([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])('the small-order encryption key %s is refused', (hex) => {
  expect(() => checkEncryptionKey(fromHex(hex)!)).toThrow(UntrustedError)
})

test('fuzz: arbitrary bytes get the verdict of another implementation', () => {
  fc.assert(
    fc.property(
      fc.oneof({ weight: 9, arbitrary: seed }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) }),
      (raw) => {
        let expected = false
        try {
          const point = ed25519.Point.fromBytes(raw)
          expected = point.isTorsionFree() && !point.is0()
        } catch {
          expected = false
        }
        let taken = true
        try {
          checkSigningKey(raw)
        } catch (error) {
          expect(error).toBeInstanceOf(UntrustedError)
          taken = false
        }
        expect(taken).toBe(expected)
      },
    ),
    // A check takes about a millisecond, in either implementation.
    { numRuns: Math.ceil(runs / 20) },
  )
})
