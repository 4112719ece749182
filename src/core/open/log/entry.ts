/**
 * Entries: the leaves of the log (SECURITY.md sections 5 and 6). Invariants:
 * - an entry holds the exact bytes of one signed object; an operation's changes are stored apart, under the root in its body.
 * - indices have no gaps; time never falls.
 * - `touched` is the root over the map keys that the entry touches, each with the index and hash of the entry that touched it
 *   before: map values head hash chains.
 * - an entry that fails the rules is void: it touches nothing.
 */
import { compareBytes } from '../bytes.ts'
import { MalformedError } from '../errors.ts'
import type { HashFunction } from '../merkle.ts'
import { leafHash, merkleRoot } from '../merkle.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytesUpTo, codec, oneOf, optional, struct, tuple, uint } from '../schema.ts'
import { MAX_CHANGES } from '../objects/operation.ts'
import { id } from '../objects/suite.ts'

/** What tlog-tiles can hold in a bundle of entries. */
export const MAX_ENTRY_BYTES = 65_535
/** The largest object is a member's record. */
const MAX_BODY_BYTES = 4_096
/** Three Ed25519 signatures: certificates have two. */
const MAX_SIGNATURE_BYTES = 192

/** A change touches its node's placement, where it stands and where it stood; a space begins with a few more. */
const MAX_TOUCHES = 3 * MAX_CHANGES + 8

/** What kind of object an entry holds. */
export const ENTRY_KIND = {
  genesis: 0,
  memberRecord: 1,
  certificate: 2,
  admit: 3,
  providerInvite: 4,
  providerRecord: 5,
  operation: 6,
  /** The map's root; the last leaf of every checkpoint. */
  heads: 7,
  ledgerBinding: 8,
  witnessVote: 9,
} as const
export type EntryKind = (typeof ENTRY_KIND)[keyof typeof ENTRY_KIND]

export const entryField = struct({
  v: [0, oneOf([1])],
  index: [1, uint()],
  kind: [2, oneOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])],
  /** Unix milliseconds. */
  time: [3, uint()],
  /** Exact bytes of the object. */
  body: [4, bytesUpTo(MAX_BODY_BYTES)],
  /** Its signatures in the order of its format, concatenated; empty for genesis and heads. */
  signatures: [5, bytesUpTo(MAX_SIGNATURE_BYTES)],
  /** RFC 9162 root over `touchCodec` encodings in the order of their keys. */
  touched: [6, id],
})
export type LogEntry = ValueOf<typeof entryField>
export const entryCodec = codec('log entry', entryField, MAX_ENTRY_BYTES)

/** The hash of an entry, which is its leaf hash, and the value of the map keys that it touches. */
export function entryHash(hash: HashFunction, encoded: Uint8Array): Uint8Array {
  return leafHash(hash, encoded)
}

export const touchField = tuple(
  id /* map key */,
  uint() /* index of the entry that touched it before, 0 if none */,
  id /* that entry's hash, zeros if none */,
  bool() /* whether the key is taken out */,
)
export type Touch = ValueOf<typeof touchField>
export const touchCodec = codec('touch', touchField, 96)

/** What an entry touched, as it is stored beside it. */
export const touchesCodec = codec('touches', array(touchField, MAX_TOUCHES), MAX_TOUCHES * 96)

const TOUCH_BYTES = 1 + 34 + 9 + 34 + 1

/** The same bytes as `touchCodec` makes: there are two for each file, and this takes a tenth of the time. Gives their end. */
function writeTouch(out: Uint8Array, start: number, [key, index, hash, isRemoved]: Touch): number {
  let at = start
  out[at++] = 0x84
  at = writeId(out, at, key)
  at = encodeUint(out, at, index)
  at = writeId(out, at, hash)
  out[at++] = isRemoved ? 0xf5 : 0xf4
  return at
}

function writeId(out: Uint8Array, at: number, bytes: Uint8Array): number {
  out[at] = 0x58
  out[at + 1] = 32
  out.set(bytes, at + 2)
  return at + 34
}

function encodeUint(out: Uint8Array, at: number, value: number): number {
  const width = value < 24 ? 0 : value < 2 ** 8 ? 1 : value < 2 ** 16 ? 2 : value < 2 ** 32 ? 4 : 8
  if (width === 0) {
    out[at] = value
    return at + 1
  }
  out[at] = 24 + Math.log2(width)
  let rest = value
  for (let i = width; i > 0; i--) {
    out[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return at + 1 + width
}

/** The same bytes as `touchesCodec` makes. */
export function encodeTouches(touched: readonly Touch[]): Uint8Array {
  if (touched.length > MAX_TOUCHES) throw new MalformedError(`an entry touches at most ${MAX_TOUCHES} keys`)
  const out = new Uint8Array(9 + touched.length * TOUCH_BYTES)
  let at = encodeUint(out, 0, touched.length)
  out[0]! |= 0x80
  for (const touch of touched) at = writeTouch(out, at, touch)
  return out.subarray(0, at)
}

const scratch = new Uint8Array(TOUCH_BYTES)

/** The root of the tree over what an entry touches, its `touched`; throws MalformedError unless keys rise strictly. */
export function touchedRoot(hash: HashFunction, touched: readonly Touch[]): Uint8Array {
  const leaves = touched.map((touch, i) => {
    if (i > 0 && compareBytes(touched[i - 1]![0], touch[0]) >= 0)
      throw new MalformedError('touched map keys stand in their order, each once')
    return leafHash(hash, scratch.subarray(0, writeTouch(scratch, 0, touch)))
  })
  return merkleRoot(hash, leaves)
}

/** A head on the ledger. */
export const anchorField = struct({
  size: [0, uint()],
  root: [1, id],
  block: [2, uint()],
  blockHash: [3, id],
})
export type Anchor = ValueOf<typeof anchorField>

const headsField = struct({
  v: [0, oneOf([1])],
  /** Root of the map after all entries before this one. */
  map: [1, id],
  /** What the ledger holds of this log, when it holds anything: the log's size there, and the block. */
  anchor: [2, optional(struct({ size: [0, uint()], root: [1, id], block: [2, uint()], blockHash: [3, id] }))],
})
/** The body of an entry of kind `heads`. */
export const headsCodec = codec('heads', headsField, 256)
