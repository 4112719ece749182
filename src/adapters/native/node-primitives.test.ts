import { createCipheriv, randomBytes } from 'node:crypto'
import { createDeriveKey, createKeyed, hash } from 'blake3-jit'
import { describe, expect, it, test } from 'vitest'
import { toHex } from '../../core/open/bytes.ts'
import { blake3Kind, nativeBlake3, nodeBlake3, portableBlake3 } from './blake3.ts'
import { nodePrimitives } from './node-primitives.ts'

// Around the sizes at which chunks, subtrees and our own handling of large buffers change.
const LENGTHS = [0, 1, 31, 64, 1023, 1025, 16_385, 32_767, 32_768, 262_144, 1_048_576]

describe.each([
  ['native', nativeBlake3()],
  ['portable', portableBlake3()],
  ['chosen', nodeBlake3],
])('BLAKE3, %s', (_, { blake3, blake3Keyed, blake3DeriveKey }) => {
  it.each(LENGTHS)('is what another implementation gives for %i bytes, also in a view', (length) => {
    const bytes = new Uint8Array(randomBytes(length + 3)).subarray(3)
    const key = randomBytes(32)
    expect(toHex(blake3(bytes))).toBe(toHex(hash(bytes)))
    expect(toHex(blake3Keyed(key, bytes))).toBe(toHex(createKeyed(key).update(bytes).finalize()))
    const half = length >> 1
    expect(toHex(blake3Keyed(key, bytes.subarray(0, half), bytes.subarray(half)))).toBe(
      toHex(createKeyed(key).update(bytes).finalize()),
    )
    expect(toHex(blake3DeriveKey('a context', bytes))).toBe(
      toHex(createDeriveKey('a context').update(bytes).finalize()),
    )
  })

  it('gives buffers of their own', () => {
    const first = blake3(Uint8Array.of(1))
    const copy = first.slice()
    const second = blake3(Uint8Array.of(2))
    expect(first).toEqual(copy)
    expect(second.buffer).not.toBe(first.buffer)
  })
})

test('where the platform has a native build, it is used', () => {
  expect(blake3Kind).toBe('native')
})

describe('AES-256-GCM', () => {
  it.each(LENGTHS)('seals %i bytes behind the prefix and leaves its arguments alone', (length) => {
    const key = randomBytes(32)
    const aad = randomBytes(18)
    const plaintext = new Uint8Array(randomBytes(length))
    const kept = plaintext.slice()
    const sealed = nodePrimitives.gcmSeal(key, aad, plaintext, aad)
    const cipher = createCipheriv('aes-256-gcm', key, new Uint8Array(12)).setAAD(aad)
    const expected = Buffer.concat([aad, cipher.update(kept), cipher.final(), cipher.getAuthTag()])
    expect(Buffer.compare(sealed, expected)).toBe(0)
    expect(Buffer.compare(plaintext, kept)).toBe(0)
    const opened = nodePrimitives.gcmOpen(key, aad, sealed.subarray(aad.length))
    expect(Buffer.compare(opened ?? Buffer.alloc(0), kept)).toBe(0)
  })
})

describe('HKDF-SHA-256', () => {
  const bytes = (first: number, length: number) => Uint8Array.from({ length }, (_, i) => first + i)

  it('gives what RFC 5869 has as its first two cases', () => {
    const short = nodePrimitives.hkdf(new Uint8Array(22).fill(0x0b), bytes(0, 13), bytes(0xf0, 10), 42)
    expect(Buffer.from(short).toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
    const long = nodePrimitives.hkdf(bytes(0, 80), bytes(0x60, 80), bytes(0xb0, 80), 82)
    expect(Buffer.from(long).toString('hex')).toBe(
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c' +
        '59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    )
  })

  it.each([0, 1_024, 1_025, 5_000])('extracts and expands with an info of %i bytes', (length) => {
    const [key, salt, info] = [randomBytes(32), randomBytes(32), randomBytes(length)]
    const expanded = nodePrimitives.hkdfExpand(nodePrimitives.hmacSha256(salt, key), info, 64)
    expect(Buffer.compare(nodePrimitives.hkdf(key, salt, info, 64), expanded)).toBe(0)
  })
})
