/**
 * Operations: every change to a space, signed by a device (docs/spec/operation.md). Invariants:
 * - counter rises by one per device; prevOp is the hash of that device's previous operation (zeros at first).
 * - `root` is the RFC 9162 root (SHA-256) of the changes' encodings, so a change is proven by its path alone.
 * - changes are atomic: all are applied, or none.
 * - the genesis operation of a space names space zeros and epoch 0; its hash is the space id.
 */
import { taggedHash } from '../hash.ts'
import { leafHash, merkleRoot } from '../merkle.ts'
import type { Primitives } from '../primitives.ts'
import type { ValueOf } from '../schema.ts'
import { array, bytesUpTo, codec, oneOf, optional, struct, uint } from '../schema.ts'
import { signedField } from './signed.ts'
import { deviceId, grantId, id, suiteField } from './suite.ts'

/** Changes of one operation: bounds the work of checking it, and the tree of its proofs (12 hashes). */
export const MAX_CHANGES = 4_096
/** An operation with its changes. */
export const MAX_OPERATION_BYTES = 4 * 1024 * 1024
/** Depth of a grant chain. */
export const MAX_VIA = 8
export const MAX_OPERATION_BODY_BYTES = 1_024
/** A space's epoch counts its grants, revocations and policy changes: the creator's own grant is the first. */
export const FIRST_EPOCH = 1

export const headField = struct({
  size: [0, uint()],
  root: [1, id],
  /** The log key's signature of that checkpoint; empty while there is no log. */
  signature: [2, bytesUpTo(64)],
})
export type Head = ValueOf<typeof headField>

export const operationField = struct({
  v: [0, oneOf([1])],
  suite: [1, suiteField],
  space: [2, id],
  epoch: [3, uint()],
  member: [4, id],
  device: [5, deviceId],
  counter: [6, uint()],
  prevOp: [7, id],
  head: [8, headField],
  via: [9, array(grantId, MAX_VIA)],
  fence: [10, optional(uint())],
  root: [11, id],
})
export type Operation = ValueOf<typeof operationField>

export const operationCodec = codec('operation', operationField, MAX_OPERATION_BODY_BYTES)
export const signedOperationField = signedField(MAX_OPERATION_BODY_BYTES)

/** The id of an operation, named by the next one's prevOp: H("operation", signed body). */
export function operationId(primitives: Primitives, body: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'operation', body)
}

/** The id of the space that this genesis operation creates: H("space", signed body). */
export function spaceIdOf(primitives: Primitives, body: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'space', body)
}

/** Leaf hashes of an operation's changes. */
export function changeLeaves(primitives: Primitives, changes: readonly Uint8Array[]): Uint8Array[] {
  return changes.map((change) => leafHash(primitives.sha256, change))
}

export function changesRoot(primitives: Primitives, changes: readonly Uint8Array[]): Uint8Array {
  return merkleRoot(primitives.sha256, changeLeaves(primitives, changes))
}

/** What an operation names as `head` while the pool keeps no log: size 0, the empty tree's root, no signature. */
export function emptyHead(primitives: Primitives): Head {
  return { size: 0, root: merkleRoot(primitives.sha256, []), signature: new Uint8Array(0) }
}
