import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { BLOB_OVERHEAD, MAX_BLOB_BYTES, MAX_BLOB_PLAINTEXT_BYTES, verifyBlob } from '../open/blobs/blob-id.ts'
import { toHex } from '../open/bytes.ts'
import { decoderConformance } from '../open/decoder.conformance.ts'
import { MalformedError, UntrustedError } from '../open/errors.ts'
import { MAX_MANIFEST_BYTES } from '../open/objects/change.ts'
import { encodeCbor } from '../open/schema.ts'
import type { BlobRef } from './blob.ts'
import { BOX_OVERHEAD, box } from './box.ts'
import { versionContext } from './context.ts'
import type { ChunkListRef, Manifest } from './manifest.ts'
import {
  MAX_CHUNK_LISTS,
  MAX_INLINE_CHUNKS,
  MAX_LIST_CHUNKS,
  decodeChunkList,
  decodeManifest,
  encodeChunkList,
  encodeManifest,
  openListBlob,
  openManifest,
  sealListBlob,
  sealManifest,
} from './manifest.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const chunk = (plain: number, coded = plain): BlobRef => ({
  id: random.bytes(32),
  key: random.bytes(32),
  codec: coded === plain ? 0 : 1,
  stored: coded + BLOB_OVERHEAD,
  plain,
})
const list = (bytes: number): ChunkListRef => ({
  id: random.bytes(32),
  key: random.bytes(32),
  stored: 100,
  bytes,
})
const sum = (chunks: readonly { plain: number }[]) => chunks.reduce((total, { plain }) => total + plain, 0)
const empty: Manifest = { size: 0, domain: random.bytes(32), dedupEpoch: 0, chunks: [], lists: [] }
const inline: Manifest = { ...empty, size: 1_000_300, chunks: [chunk(1_000_000, 500), chunk(300)] }
const listed: Manifest = { ...empty, size: 30, lists: [list(10), list(20)] }
const keys = { ck: random.bytes(32) }
const place = {
  pool: random.bytes(32),
  space: random.bytes(32),
  node: random.bytes(16),
  gen: 1,
  version: 2,
  device: random.bytes(16),
}

decoderConformance({
  name: 'manifest',
  examples: [empty, inline, listed].map(encodeManifest),
  decode: decodeManifest,
  encode: encodeManifest,
})

decoderConformance({
  name: 'chunk list',
  examples: [[chunk(7)], [chunk(70_000, 69_999), chunk(1), chunk(MAX_BLOB_PLAINTEXT_BYTES)]].map(
    encodeChunkList,
  ),
  decode: (bytes) => {
    // Each example is decoded for the sum that its manifest would name.
    for (const total of [7, 70_001 + MAX_BLOB_PLAINTEXT_BYTES])
      try {
        return decodeChunkList(bytes, total)
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error
      }
    throw new MalformedError('for neither sum')
  },
  encode: encodeChunkList,
})

test.each<[string, Manifest]>([
  ['lengths that sum to more', { ...inline, size: inline.size - 1 }],
  ['lengths that sum to less', { ...inline, size: inline.size + 1 }],
  ['list sums that differ', { ...listed, size: 31 }],
  ['a size without content', { ...empty, size: 1 }],
  ['chunks and lists', { ...listed, size: 37, chunks: [chunk(7)] }],
  ['an empty chunk', { ...inline, chunks: [...inline.chunks, chunk(0)] }],
  [
    'a chunk over 1 MiB',
    { ...empty, size: MAX_BLOB_PLAINTEXT_BYTES + 1, chunks: [chunk(MAX_BLOB_PLAINTEXT_BYTES + 1)] },
  ],
  ['a stored chunk of another length', { ...empty, size: 7, chunks: [{ ...chunk(7), stored: 40 }] }],
  ['a compressed chunk that is no shorter', { ...empty, size: 7, chunks: [{ ...chunk(7), codec: 1 }] }],
  [
    'a compressed chunk of nothing',
    { ...empty, size: 7, chunks: [{ ...chunk(7, 6), stored: BLOB_OVERHEAD }] },
  ],
  ['an empty list', { ...listed, lists: [list(30), list(0)] }],
  ['a list blob of nothing', { ...empty, size: 1, lists: [{ ...list(1), stored: BLOB_OVERHEAD }] }],
  ['a list blob over the limit', { ...empty, size: 1, lists: [{ ...list(1), stored: MAX_BLOB_BYTES + 1 }] }],
  ['an unknown codec', { ...empty, size: 7, chunks: [{ ...chunk(7, 6), codec: 2 as never }] }],
  ['129 chunks inline', { ...empty, size: 129, chunks: Array.from({ length: 129 }, () => chunk(1)) }],
  ['a short id', { ...empty, size: 7, chunks: [{ ...chunk(7), id: random.bytes(31) }] }],
])('refused, both ways: %s', (_, manifest) => {
  expect(() => encodeManifest(manifest)).toThrow(MalformedError)
  const wire = new Map<number, unknown>([
    [0, manifest.size],
    [1, manifest.domain],
    [2, manifest.dedupEpoch],
    [3, manifest.chunks.map(({ id, key, codec, stored, plain }) => [id, key, codec, stored, plain])],
    [4, manifest.lists.map(({ id, key, stored, bytes }) => [id, key, stored, bytes])],
  ])
  const salt = random.bytes(32)
  const boxed = box(primitives, keys.ck, 'manifest', versionContext(place), encodeCbor(wire), salt)
  expect(() => openManifest(primitives, keys, place, boxed)).toThrow(MalformedError)
})

test('sums beyond exact integers are refused, not rounded', () => {
  const huge = [list(Number.MAX_SAFE_INTEGER), list(1)]
  expect(() => encodeManifest({ ...empty, size: 2 ** 53, lists: huge })).toThrow(MalformedError)
  expect(() => encodeManifest({ ...empty, size: Number.MAX_SAFE_INTEGER, lists: huge })).toThrow(
    MalformedError,
  )
})

test('attack 6: a manifest opens in its own place only', () => {
  const boxed = sealManifest(primitives, keys, place, inline, random.bytes(32))
  expect(openManifest(primitives, keys, place, boxed).size).toBe(inline.size)
  for (const elsewhere of [
    { ...place, pool: random.bytes(32) },
    { ...place, space: random.bytes(32) },
    { ...place, node: random.bytes(16) },
    { ...place, gen: 2 },
    { ...place, version: 3 },
    { ...place, device: random.bytes(16) },
  ])
    expect(() => openManifest(primitives, keys, elsewhere, boxed)).toThrow(UntrustedError)
  expect(() => openManifest(primitives, { ck: random.bytes(32) }, place, boxed)).toThrow(UntrustedError)
})

test('the longest list fits a blob, and the limits are those of the formats', () => {
  const longest = Array.from({ length: MAX_LIST_CHUNKS }, () => chunk(MAX_BLOB_PLAINTEXT_BYTES))
  expect(encodeChunkList(longest).length).toBeLessThanOrEqual(MAX_BLOB_PLAINTEXT_BYTES)
  expect(() => encodeChunkList([...longest, chunk(1)])).toThrow(MalformedError)
  expect(() => encodeChunkList([])).toThrow(MalformedError)
  const most = { ...empty, size: 128, chunks: Array.from({ length: MAX_INLINE_CHUNKS }, () => chunk(1)) }
  expect(decodeManifest(encodeManifest(most)).chunks).toHaveLength(128)
})

test('attack 23: an endless list of lists stops at the limits', () => {
  const one = list(1)
  const lists = (length: number) => ({ ...empty, size: length, lists: Array.from({ length }, () => one) })
  const most = lists(50_000)
  const encoded = encodeManifest(most)
  expect(encoded.length).toBeLessThanOrEqual(MAX_MANIFEST_BYTES - BOX_OVERHEAD)
  expect(decodeManifest(encoded).lists).toHaveLength(50_000)
  expect(() => encodeManifest(lists(MAX_CHUNK_LISTS))).toThrow(MalformedError)
  expect(() => decodeManifest(new Uint8Array(MAX_MANIFEST_BYTES))).toThrow(MalformedError)
})

test('a list blob is a blob like any other, and opens with its reference only', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 20 }),
      (lengths) => {
        const chunks = lengths.map((length) => chunk(length))
        const { ref, blob } = sealListBlob(primitives, random, chunks)
        verifyBlob(primitives, ref.id, blob.bytes)
        const opened = openListBlob(primitives, ref, blob.bytes)
        expect(opened.map(({ id }) => toHex(id))).toEqual(chunks.map(({ id }) => toHex(id)))
        expect(ref.bytes).toBe(sum(chunks))
        expect(() => openListBlob(primitives, { ...ref, bytes: ref.bytes + 1 }, blob.bytes)).toThrow(
          MalformedError,
        )
        expect(() => openListBlob(primitives, { ...ref, key: random.bytes(32) }, blob.bytes)).toThrow(
          UntrustedError,
        )
      },
    ),
    { numRuns: 50 },
  )
  const chunks = [chunk(5)]
  const again = [1, 2].map(() => toHex(sealListBlob(primitives, random, chunks).ref.id))
  expect(again[0]).not.toBe(again[1])
})
