import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { utf8 } from '../open/bytes.ts'
import { decoderConformance } from '../open/decoder.conformance.ts'
import { entryNameProblem } from '../open/entry-name.ts'
import { MalformedError, UntrustedError } from '../open/errors.ts'
import { MAX_META_BOX_BYTES } from '../open/objects/change.ts'
import { encodeCbor } from '../open/schema.ts'
import type { Metadata } from './metadata.ts'
import { decodeMetadata, encodeMetadata, openMetadata, sealMetadata } from './metadata.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const file: Metadata = {
  kind: 'file',
  name: 'Übersicht.txt',
  size: 5 * 2 ** 30,
  mtimeSeconds: 1_790_000_000,
  mtimeNanoseconds: 999_999_999,
  mode: 0o644,
  mime: 'text/plain',
}
const folder: Metadata = {
  kind: 'folder',
  name: 'a',
  size: 0,
  mtimeSeconds: -1,
  mtimeNanoseconds: 0,
  mode: 0o755,
}
const symlink: Metadata = { ...folder, kind: 'symlink', target: '../b' }
const keys = { mk: random.bytes(32) }
const place = {
  pool: random.bytes(32),
  space: random.bytes(32),
  node: random.bytes(16),
  gen: 1,
  version: 2,
  device: random.bytes(16),
}

decoderConformance({
  name: 'metadata',
  examples: [file, folder, symlink].map(encodeMetadata),
  decode: decodeMetadata,
  encode: encodeMetadata,
})

const metadata: fc.Arbitrary<Metadata> = fc
  .record({
    kind: fc.constantFrom('file' as const, 'folder' as const, 'symlink' as const),
    name: fc.string({ unit: 'binary', maxLength: 70 }).filter((name) => entryNameProblem(name) === undefined),
    size: fc.maxSafeNat(),
    mtimeSeconds: fc.maxSafeInteger().map((n) => n + 0),
    mtimeNanoseconds: fc.nat(999_999_999),
    mode: fc.nat(0o7777),
    target: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((t) => !t.includes('\0')),
  })
  .map(({ target, ...rest }) => ({
    ...rest,
    size: rest.kind === 'file' ? rest.size : 0,
    ...(rest.kind === 'symlink' ? { target } : {}),
  }))

test('metadata comes back as it was, padded to 64 bytes', () => {
  fc.assert(
    fc.property(metadata, (value) => {
      const encoded = encodeMetadata(value)
      expect(encoded.length % 64).toBe(0)
      expect(decodeMetadata(encoded)).toEqual(value)
    }),
    { numRuns: 1_000 },
  )
})

test('names are kept as given: both normal forms, a byte order mark, 255 bytes, leading dashes', () => {
  const names = [
    '\u00e9',
    'e\u0301',
    '\ufeffa',
    'x'.repeat(255),
    '\u{1f600}'.repeat(63),
    '-rf',
    ' ',
    'CON',
    '\u202egpj.exe',
  ]
  for (const name of names) {
    const { name: back } = decodeMetadata(encodeMetadata({ ...file, name }))
    expect(Buffer.from(back)).toEqual(Buffer.from(name))
  }
})

test.each([
  '',
  '.',
  '..',
  'a/b',
  '../x',
  '/',
  'a\0b',
  'a\nb',
  '\u007f',
  '\u0085',
  '\ud800',
  'x'.repeat(256),
  'é'.repeat(128),
])('attack 24: the name %j is refused both ways', (name) => {
  expect(() => encodeMetadata({ ...file, name })).toThrow(MalformedError)
  const wire = new Map<number, unknown>([
    [0, 0],
    [1, utf8(name)],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 0],
  ])
  const encoded = encodeCbor(wire)
  const padded = new Uint8Array(Math.ceil((encoded.length + 2) / 64) * 64)
  padded.set([encoded.length >> 8, encoded.length & 255])
  padded.set(encoded, 2)
  // A lone surrogate has no bytes: what would arrive is the replacement character, another name.
  if (name === '\ud800') return
  expect(() => decodeMetadata(padded)).toThrow(MalformedError)
})

test('what contradicts itself is refused', () => {
  const refuse = (value: Metadata) => expect(() => encodeMetadata(value)).toThrow(MalformedError)
  refuse({ ...symlink, target: undefined })
  refuse({ ...symlink, target: '' })
  refuse({ ...symlink, target: 'a\0' })
  refuse({ ...symlink, target: 'x'.repeat(4_097) })
  refuse({ ...file, target: 'x' })
  refuse({ ...folder, size: 1 })
  refuse({ ...file, mode: 0o10000 })
  refuse({ ...file, mtimeNanoseconds: 1_000_000_000 })
  refuse({ ...file, mime: 'x'.repeat(128) })
  refuse({ ...file, size: 2 ** 53 })
})

test('the longest fits its box in a change', () => {
  const longest = { ...symlink, name: 'x'.repeat(255), target: 'y'.repeat(4_096), mime: 'm'.repeat(127) }
  const numbers = { mtimeSeconds: Number.MIN_SAFE_INTEGER, mtimeNanoseconds: 999_999_999, mode: 0o7777 }
  const boxed = sealMetadata(primitives, keys, place, { ...longest, ...numbers }, random.bytes(32))
  expect(boxed.length).toBeLessThanOrEqual(MAX_META_BOX_BYTES)
  expect(openMetadata(primitives, keys, place, boxed).target).toHaveLength(4_096)
})

test('padding other than zeros, too much or too little is refused', () => {
  const encoded = encodeMetadata(folder)
  const marked = encoded.slice()
  marked[marked.length - 1] = 1
  expect(() => decodeMetadata(marked)).toThrow(MalformedError)
  const longer = new Uint8Array(encoded.length + 64)
  longer.set(encoded)
  expect(() => decodeMetadata(longer)).toThrow(MalformedError)
  expect(() => decodeMetadata(encoded.subarray(0, 32))).toThrow(MalformedError)
})

test('attack 6: metadata opens in its own place only', () => {
  const boxed = sealMetadata(primitives, keys, place, file, random.bytes(32))
  expect(openMetadata(primitives, keys, place, boxed)).toEqual(file)
  for (const elsewhere of [
    { ...place, pool: random.bytes(32) },
    { ...place, space: random.bytes(32) },
    { ...place, node: random.bytes(16) },
    { ...place, gen: 2 },
    { ...place, version: 1 },
    { ...place, device: random.bytes(16) },
  ])
    expect(() => openMetadata(primitives, keys, elsewhere, boxed)).toThrow(UntrustedError)
  expect(() => openMetadata(primitives, { mk: random.bytes(32) }, place, boxed)).toThrow(UntrustedError)
})
