import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../../adapters/native/node-primitives.ts'
import { MAX_BLOB_BYTES, blobId, verifyBlob } from './blob-id.ts'
import { concatBytes, toHex } from '../bytes.ts'
import { decoderConformance } from '../decoder.conformance.ts'
import { AllmendError, MalformedError, UntrustedError, UsageError } from '../errors.ts'
import { MAX_PUBLIC_LIST_IDS, decodePublicList, encodePublicList } from './public-list.ts'

const random = (length: number) => new Uint8Array(randomBytes(length))
const header = Uint8Array.of(1, 0x42, ...random(16))
const blob = concatBytes(header, random(100))
const ids = [3, 1, 2].map((value) => new Uint8Array(32).fill(value))

decoderConformance({
  name: 'public list',
  examples: [encodePublicList(primitives, ids).bytes, encodePublicList(primitives, [random(32)]).bytes],
  decode: decodePublicList,
  encode: (list) => encodePublicList(primitives, list).bytes,
})

test('a blob is known by the hash of its bytes', () => {
  verifyBlob(primitives, blobId(primitives, blob), blob)
  expect(() => verifyBlob(primitives, random(32), blob)).toThrow(UntrustedError)
  expect(() => verifyBlob(primitives, new Uint8Array(0), blob)).toThrow(UntrustedError)
})

test.each<[string, Uint8Array]>([
  ['nothing', new Uint8Array(0)],
  ['a header alone', header],
  ['a header and a tag', concatBytes(header, random(16))],
  ['another suite', concatBytes(Uint8Array.of(2), blob.subarray(1))],
  ['another type', concatBytes(Uint8Array.of(1, 0x43), blob.subarray(2))],
  ['more than the limit', concatBytes(header, new Uint8Array(MAX_BLOB_BYTES - 17))],
  ['an empty list', Uint8Array.of(1, 0x4c)],
  ['a list of half an id', concatBytes(Uint8Array.of(1, 0x4c), random(48))],
])('what can be no blob is malformed, whatever its hash: %s', (_, bytes) => {
  expect(() => verifyBlob(primitives, blobId(primitives, bytes), bytes)).toThrow(MalformedError)
})

test('fuzz: a changed byte or a cut is refused', () => {
  const id = blobId(primitives, blob)
  fc.assert(
    fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = blob.slice()
      changed[at]! ^= change
      expect(() => verifyBlob(primitives, id, changed)).toThrow(AllmendError)
      expect(() => verifyBlob(primitives, id, blob.subarray(0, at))).toThrow(AllmendError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('a public list holds a set: sorted, each id once', () => {
  const { id, bytes } = encodePublicList(primitives, [...ids, ...ids])
  expect(decodePublicList(bytes).map((item) => item[0])).toEqual([1, 2, 3])
  verifyBlob(primitives, id, bytes)
  expect(toHex(encodePublicList(primitives, ids.toReversed()).bytes)).toBe(toHex(bytes))
  const swapped = concatBytes(bytes.subarray(0, 2), ids[1]!, ids[0]!, ids[2]!)
  expect(() => decodePublicList(swapped)).toThrow(MalformedError)
  const twice = concatBytes(bytes.subarray(0, 2), ids[1]!, ids[1]!)
  expect(() => decodePublicList(twice)).toThrow(MalformedError)
})

test('a public list holds 1 to 32,767 ids, within the limit of a blob', () => {
  expect(MAX_PUBLIC_LIST_IDS).toBe(32_767)
  const many = Array.from({ length: MAX_PUBLIC_LIST_IDS + 1 }, (_, i) => {
    const item = new Uint8Array(32)
    new DataView(item.buffer).setUint32(28, i)
    return item
  })
  const { bytes } = encodePublicList(primitives, many.slice(1))
  expect(decodePublicList(bytes)).toHaveLength(MAX_PUBLIC_LIST_IDS)
  expect(() => encodePublicList(primitives, many)).toThrow(UsageError)
  expect(() => encodePublicList(primitives, [])).toThrow(UsageError)
  expect(() => encodePublicList(primitives, [random(31)])).toThrow(UsageError)
  expect(() => decodePublicList(blob)).toThrow(MalformedError)
})
