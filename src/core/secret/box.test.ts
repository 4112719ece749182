import { createCipheriv, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { concatBytes, fromHex, toHex } from '../open/bytes.ts'
import { UntrustedError, UsageError } from '../open/errors.ts'
import { tagged } from '../open/hash.ts'
import { BOX_OVERHEAD as CHANGE_BOX_OVERHEAD } from '../open/objects/change.ts'
import { encodeCbor } from '../open/schema.ts'
import { BOX_OVERHEAD, box, unbox } from './box.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const key = new Uint8Array(randomBytes(32))
const salt = new Uint8Array(randomBytes(32))
const context = [1, new Uint8Array(32), 7] as const
const plaintext = new Uint8Array(randomBytes(100))
const boxed = box(primitives, key, 'meta', context, plaintext, salt)

test('what is boxed opens with the same key, tag and context', () => {
  fc.assert(
    fc.property(bytes32, bytes32, fc.uint8Array({ maxLength: 300 }), (key, salt, plaintext) => {
      const boxed = box(primitives, key, 'manifest', context, plaintext, salt)
      expect(boxed).toHaveLength(plaintext.length + BOX_OVERHEAD)
      expect(toHex(unbox(primitives, key, 'manifest', context, boxed))).toBe(toHex(plaintext))
    }),
    { numRuns: 200 },
  )
  expect(BOX_OVERHEAD).toBe(CHANGE_BOX_OVERHEAD)
})

test('another key, tag or context refuses', () => {
  const refuse = (open: () => Uint8Array) => expect(open).toThrow(UntrustedError)
  refuse(() => unbox(primitives, new Uint8Array(randomBytes(32)), 'meta', context, boxed))
  refuse(() => unbox(primitives, key, 'manifest', context, boxed))
  refuse(() => unbox(primitives, key, 'meta', [1, new Uint8Array(32), 8], boxed))
  refuse(() => unbox(primitives, key, 'meta', [1, new Uint8Array(32)], boxed))
  refuse(() => unbox(primitives, key, 'meta', [...context, 0], boxed))
})

test('fuzz: a changed bit or a cut anywhere refuses', () => {
  fc.assert(
    fc.property(fc.nat(boxed.length * 8 - 1), fc.nat(boxed.length - 1), (bit, cut) => {
      const flipped = Uint8Array.from(boxed)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => unbox(primitives, key, 'meta', context, flipped)).toThrow(UntrustedError)
      expect(() => unbox(primitives, key, 'meta', context, boxed.subarray(0, cut))).toThrow(UntrustedError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

/** Product in GCM's field: 128 bits, the first being the coefficient of x^0. */
function times(a: bigint, b: bigint): bigint {
  let [sum, shifted] = [0n, b]
  for (let bit = 127n; bit >= 0n; bit--) {
    if (((a >> bit) & 1n) === 1n) sum ^= shifted
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ (0xe1n << 120n) : shifted >> 1n
  }
  return sum
}

function inverse(a: bigint): bigint {
  // a^(2^128 - 2), where 1 is the highest bit.
  let [result, square] = [1n << 127n, a]
  for (let i = 1; i < 128; i++) {
    square = times(square, square)
    result = times(result, square)
  }
  return result
}

function aesBlock(aesKey: Uint8Array, hex: string): bigint {
  const cipher = createCipheriv('aes-256-ecb', aesKey, null).setAutoPadding(false)
  return BigInt(`0x${cipher.update(hex, 'hex', 'hex')}`)
}

/** A ciphertext block and a tag that AES-GCM takes under both keys with the zero nonce. */
function twoKeyCiphertext(aesKeys: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const [h1, h2] = aesKeys.map((k) => aesBlock(k, '00'.repeat(16))) as [bigint, bigint]
  const [e1, e2] = aesKeys.map((k) => aesBlock(k, `${'00'.repeat(15)}01`)) as [bigint, bigint]
  const lengths = 128n
  // Both tags are c h^2 + lengths h + e: solve for c.
  const c = times(times(lengths, h1 ^ h2) ^ e1 ^ e2, inverse(times(h1, h1) ^ times(h2, h2)))
  const tag = times(c, times(h1, h1)) ^ times(lengths, h1) ^ e1
  return fromHex([c, tag].map((block) => block.toString(16).padStart(32, '0')).join(''))!
}

test('attack 21: one box for two keys opens under one of them only', () => {
  const keys = [key, new Uint8Array(randomBytes(32))] as const
  const derived = keys.map((k) => primitives.hkdf(k, salt, tagged('meta', encodeCbor(context)), 64))
  const aesKeys = derived.map((d) => d.subarray(32)) as [Uint8Array, Uint8Array]
  const forged = twoKeyCiphertext(aesKeys)
  // GCM alone falls for it.
  for (const aesKey of aesKeys) expect(primitives.gcmOpen(aesKey, new Uint8Array(0), forged)).toBeDefined()
  derived.forEach((commitment, mine) => {
    const forgedBox = concatBytes(salt, commitment.subarray(0, 32), forged)
    keys.forEach((k, i) => {
      const open = () => unbox(primitives, k, 'meta', context, forgedBox)
      if (i === mine) expect(open()).toHaveLength(16)
      else expect(open).toThrow(UntrustedError)
    })
  })
})

test('keys and salts have 32 bytes', () => {
  for (const length of [0, 16, 31, 33]) {
    const odd = new Uint8Array(length)
    expect(() => box(primitives, odd, 'meta', context, plaintext, salt)).toThrow(UsageError)
    expect(() => box(primitives, key, 'meta', context, plaintext, odd)).toThrow(UsageError)
    expect(() => unbox(primitives, odd, 'meta', context, boxed)).toThrow(UsageError)
  }
})
