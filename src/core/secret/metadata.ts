/**
 * What a node is called and looks like, boxed under its mk. Invariants:
 * - names are kept byte for byte: text travels as byte strings, because text decoders may drop a byte order mark.
 * - a name is a single safe component on both ways; a target belongs to symlinks and to nothing else.
 * - the boxed length is a multiple of 64, so it tells little about the name's.
 */
import { fromUtf8, utf8 } from '../open/bytes.ts'
import { MAX_NAME_BYTES, entryNameProblem } from '../open/entry-name.ts'
import { MalformedError } from '../open/errors.ts'
import type { Primitives } from '../open/primitives.ts'
import type { Field } from '../open/schema.ts'
import { bytesUpTo, codec, int, oneOf, optional, struct, uint } from '../open/schema.ts'
import { box, unbox } from './box.ts'
import type { VersionPlace } from './context.ts'
import { versionContext } from './context.ts'
import type { ViewKeys } from './key-tree.ts'

const MAX_TARGET_BYTES = 4_096
const MAX_MIME_BYTES = 127
const PAD_BYTES = 64
const LENGTH_BYTES = 2
/** Name, target and mime at their longest, with the numbers. */
const MAX_ENCODED_BYTES = 4_640

const KINDS = ['file', 'folder', 'symlink'] as const
export type EntryKind = (typeof KINDS)[number]

export interface Metadata {
  readonly kind: EntryKind
  readonly name: string
  /** Bytes of the content; 0 for folders and symlinks. */
  readonly size: number
  /** Modification time: whole seconds since 1970 (may be negative) and nanoseconds. */
  readonly mtimeSeconds: number
  readonly mtimeNanoseconds: number
  /** Permission bits, 0o7777 at most. */
  readonly mode: number
  /** Of symlinks. */
  readonly target?: string | undefined
  readonly mime?: string | undefined
}

/** Text as a byte string of valid UTF-8. */
function utf8Field(max: number): Field<string> {
  const inner = bytesUpTo(max)
  const check = (text: string | undefined, path: string): string => {
    if (text === undefined) throw new MalformedError(`${path}: not UTF-8`, { path })
    return text
  }
  return {
    toWire(text) {
      const encoded = utf8(text)
      check(fromUtf8(encoded) === text ? text : undefined, 'value')
      return inner.toWire(encoded)
    },
    fromWire: (wire, path) => check(fromUtf8(inner.fromWire(wire, path)), path),
  }
}

const metadataCodec = codec(
  'metadata',
  struct({
    kind: [0, oneOf([0, 1, 2])],
    name: [1, utf8Field(MAX_NAME_BYTES)],
    size: [2, uint()],
    mtimeSeconds: [3, int()],
    mtimeNanoseconds: [4, uint(999_999_999)],
    mode: [5, uint(0o7777)],
    target: [6, optional(utf8Field(MAX_TARGET_BYTES))],
    mime: [7, optional(utf8Field(MAX_MIME_BYTES))],
  }),
  MAX_ENCODED_BYTES,
)

function check(metadata: Metadata): Metadata {
  const problem = entryNameProblem(metadata.name)
  if (problem !== undefined) throw new MalformedError(`metadata: ${problem}`)
  const { target } = metadata
  if ((metadata.kind === 'symlink') !== (target !== undefined))
    throw new MalformedError('metadata: symlinks have a target, others have none')
  if (target !== undefined && (target === '' || target.includes('\0')))
    throw new MalformedError('metadata: a target that no symlink can have')
  if (metadata.kind !== 'file' && metadata.size !== 0)
    throw new MalformedError('metadata: only files have a size')
  return metadata
}

/** 2-byte big-endian length + CBOR + zeros up to a multiple of 64. Throws MalformedError beyond the limits. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const { kind, ...rest } = check(metadata)
  const encoded = metadataCodec.encode({ ...rest, kind: KINDS.indexOf(kind) as 0 | 1 | 2 })
  const padded = new Uint8Array(Math.ceil((LENGTH_BYTES + encoded.length) / PAD_BYTES) * PAD_BYTES)
  new DataView(padded.buffer).setUint16(0, encoded.length)
  padded.set(encoded, LENGTH_BYTES)
  return padded
}

/** Throws MalformedError. */
export function decodeMetadata(padded: Uint8Array): Metadata {
  const length = padded.length < LENGTH_BYTES ? 0 : padded[0]! * 256 + padded[1]!
  const end = LENGTH_BYTES + length
  if (padded.length !== Math.ceil(end / PAD_BYTES) * PAD_BYTES)
    throw new MalformedError("metadata: padding doesn't fit the length", { length })
  if (padded.subarray(end).some((byte) => byte !== 0)) throw new MalformedError('metadata: padding is zeros')
  const { kind, ...rest } = metadataCodec.decode(padded.subarray(LENGTH_BYTES, end))
  return check({ kind: KINDS[kind], ...rest })
}

/** Metadata boxed under mk for one version of one node by one device; `salt` is 32 fresh random bytes. */
export function sealMetadata(
  primitives: Primitives,
  keys: ViewKeys,
  place: VersionPlace,
  metadata: Metadata,
  salt: Uint8Array,
): Uint8Array {
  return box(primitives, keys.mk, 'meta', versionContext(place), encodeMetadata(metadata), salt)
}

/** Throws UntrustedError for another key or place, MalformedError for what was boxed but isn't metadata. */
export function openMetadata(
  primitives: Primitives,
  keys: ViewKeys,
  place: VersionPlace,
  boxed: Uint8Array,
): Metadata {
  return decodeMetadata(unbox(primitives, keys.mk, 'meta', versionContext(place), boxed))
}
