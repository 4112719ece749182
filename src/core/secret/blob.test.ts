import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { BLOB_OVERHEAD, MAX_BLOB_PLAINTEXT_BYTES, blobId } from '../open/blobs/blob-id.ts'
import { concatBytes, toHex } from '../open/bytes.ts'
import { AllmendError, MalformedError, UntrustedError, UsageError } from '../open/errors.ts'
import type { BlobRef } from './blob.ts'
import { CODEC_STORED, CODEC_ZSTD, openBlob, sealBlob } from './blob.ts'
import { domainDedupKeys, privateKeys, spaceDedupKeys } from './dedup-keys.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const secret = random.bytes(32)
const space = random.bytes(32)
const keys = spaceDedupKeys(primitives, secret, space, 1)
const compress = { compress: true }
const text = new TextEncoder().encode('the quick brown fox jumps over the lazy dog; '.repeat(300))

/** A blob of a writer who holds key and secret but doesn't keep to the rules. */
function forge(codec: BlobRef['codec'], coded: Uint8Array, plain: number): [BlobRef, Uint8Array] {
  const key = keys.blobKey(codec, coded)
  const bytes = primitives.gcmSeal(key, keys.header, coded, keys.header)
  return [{ id: blobId(primitives, bytes), key, codec, stored: bytes.length, plain }, bytes]
}

test('what is sealed opens, compressed or not', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
      fc.boolean(),
      fc.nat(40),
      (bytes, pack, times) => {
        const plaintext = concatBytes(...Array.from({ length: times + 1 }, () => bytes))
        const sealed = sealBlob(primitives, keys, plaintext, { compress: pack })
        expect(sealed.stored).toBe(sealed.bytes.length)
        expect(sealed.stored).toBeLessThanOrEqual(plaintext.length + BLOB_OVERHEAD)
        expect(toHex(openBlob(primitives, sealed, sealed.bytes))).toBe(toHex(plaintext))
      },
    ),
    { numRuns: 500 },
  )
})

test('the limits: 1 byte and 1 MiB; nothing, and a byte more, are refused', () => {
  for (const length of [1, MAX_BLOB_PLAINTEXT_BYTES]) {
    const plaintext = random.bytes(length)
    const sealed = sealBlob(primitives, keys, plaintext, compress)
    expect(Buffer.compare(openBlob(primitives, sealed, sealed.bytes), plaintext)).toBe(0)
  }
  for (const length of [0, MAX_BLOB_PLAINTEXT_BYTES + 1])
    expect(() => sealBlob(primitives, keys, new Uint8Array(length), compress)).toThrow(UsageError)
})

test('equal chunks are equal blobs within a domain and epoch, and different ones elsewhere', () => {
  const first = sealBlob(primitives, keys, text, compress)
  expect(first.codec).toBe(CODEC_ZSTD)
  const again = sealBlob(primitives, spaceDedupKeys(primitives, secret, space, 1), text, compress)
  expect(toHex(again.id)).toBe(toHex(first.id))
  for (const elsewhere of [
    spaceDedupKeys(primitives, secret, space, 2),
    spaceDedupKeys(primitives, secret, random.bytes(32), 1),
    spaceDedupKeys(primitives, random.bytes(32), space, 1),
    domainDedupKeys(primitives, random.bytes(32), space, 1),
  ]) {
    const other = sealBlob(primitives, elsewhere, text, compress)
    expect(toHex(other.id)).not.toBe(toHex(first.id))
    expect(toHex(other.key)).not.toBe(toHex(first.key))
  }
})

test('the same bytes under another codec have another key', () => {
  const coded = zstdCompressSync(text)
  expect(toHex(keys.blobKey(CODEC_STORED, coded))).not.toBe(toHex(keys.blobKey(CODEC_ZSTD, coded)))
})

test('private keys never repeat, not for the same bytes either', () => {
  const own = privateKeys(primitives, random)
  const sealed = Array.from({ length: 50 }, () => sealBlob(primitives, own, text, compress))
  expect(new Set(sealed.map(({ key }) => toHex(key))).size).toBe(50)
  expect(new Set(sealed.map(({ id }) => toHex(id))).size).toBe(50)
  expect(toHex(openBlob(primitives, sealed[0]!, sealed[0]!.bytes))).toBe(toHex(text))
})

test('random bytes are stored as they are, text is compressed', () => {
  const noise = sealBlob(primitives, keys, random.bytes(100_000), compress)
  expect([noise.codec, noise.stored]).toEqual([CODEC_STORED, 100_000 + BLOB_OVERHEAD])
  const packed = sealBlob(primitives, keys, text, compress)
  expect(packed.stored).toBeLessThan(text.length / 10)
  expect(sealBlob(primitives, keys, text, { compress: false }).codec).toBe(CODEC_STORED)
})

test('fuzz: a changed bit, a cut or an added byte refuses', () => {
  const sealed = sealBlob(primitives, keys, random.bytes(300), compress)
  fc.assert(
    fc.property(fc.nat(sealed.stored * 8 - 1), fc.nat(sealed.stored - 1), (bit, cut) => {
      const flipped = Uint8Array.from(sealed.bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      for (const bytes of [
        flipped,
        sealed.bytes.subarray(0, cut),
        concatBytes(sealed.bytes, Uint8Array.of(0)),
      ])
        expect(() => openBlob(primitives, sealed, bytes)).toThrow(AllmendError)
      // Also where the id is the attacker's own: the tag refuses then.
      const renamed = { ...sealed, id: blobId(primitives, flipped) }
      expect(() => openBlob(primitives, renamed, flipped)).toThrow(AllmendError)
      expect(() => openBlob(primitives, sealed, flipped, { verified: true })).toThrow(UntrustedError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('attack 22: bytes of another blob under this id, or this blob under another key', () => {
  const one = sealBlob(primitives, keys, random.bytes(300), compress)
  const two = sealBlob(primitives, keys, random.bytes(300), compress)
  expect(() => openBlob(primitives, one, two.bytes)).toThrow(UntrustedError)
  expect(() => openBlob(primitives, { ...one, key: two.key }, one.bytes)).toThrow(UntrustedError)
})

test('attack 23: a bomb stops at the declared length', () => {
  const bomb = zstdCompressSync(new Uint8Array(256 * 1024 * 1024))
  const before = process.memoryUsage().rss
  for (const plain of [1, 1_000, MAX_BLOB_PLAINTEXT_BYTES])
    expect(() => openBlob(primitives, ...forge(CODEC_ZSTD, bomb, plain))).toThrow(UntrustedError)
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
})

test('content that is shorter or longer than declared, or no zstd, refuses', () => {
  const coded = zstdCompressSync(text)
  for (const plain of [text.length - 1, text.length + 1])
    expect(() => openBlob(primitives, ...forge(CODEC_ZSTD, coded, plain))).toThrow(UntrustedError)
  for (const plain of [99, 101])
    expect(() => openBlob(primitives, ...forge(CODEC_STORED, random.bytes(100), plain))).toThrow(
      UntrustedError,
    )
  expect(() => openBlob(primitives, ...forge(CODEC_ZSTD, random.bytes(100), 1_000))).toThrow(UntrustedError)
  expect(() => openBlob(primitives, ...forge(CODEC_STORED, new Uint8Array(0), 0))).toThrow(MalformedError)
})

test('fuzz: any bytes as a zstd frame are a typed error or exactly as long as declared', () => {
  const frame = zstdCompressSync(text)
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), fc.integer({ min: 1, max: 20_000 }), (at, value, plain) => {
      const coded = Uint8Array.from(frame)
      coded[at % coded.length] = value
      const [ref, bytes] = forge(CODEC_ZSTD, coded, plain)
      try {
        expect(openBlob(primitives, ref, bytes)).toHaveLength(plain)
      } catch (error) {
        expect(error).toBeInstanceOf(UntrustedError)
      }
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})
