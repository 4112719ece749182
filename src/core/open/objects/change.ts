/**
 * One change within an operation (docs/spec/operation.md). Invariants:
 * - a node's versions rise by one from 1; `base` is the id of its previous change (absent at version 1).
 * - `gen` is the node's generation after the change; only create (1), move and rotate (previous + 1) set it.
 * - `meta` is boxed under the generation's mk and `manifest` under its ck, with (space, node, gen, version, author device)
 *   as context, so a box is good in one place only.
 * - a change that carries a manifest carries refs, and refs name every blob that the manifest needs.
 * - `content` is the id of the change whose manifest the node has; every change of a file that carries none itself names it, so
 *   that a node's newest change shows by itself what its contents are.
 * Which fields a kind has: see `checkChange`.
 */
import { MalformedError } from '../errors.ts'
import { taggedHash } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import type { ValueOf } from '../schema.ts'
import { array, bytes, bytesUpTo, codec, oneOf, optional, struct, tuple, uint } from '../schema.ts'
import { grantId, id, nodeId } from './suite.ts'

export const CHANGE_KIND = {
  create: 1,
  write: 2,
  meta: 3,
  move: 4,
  delete: 5,
  restore: 6,
  rotate: 7,
  grant: 8,
  revoke: 9,
  link: 10,
  policy: 11,
  chat: 12,
} as const
export type ChangeKind = (typeof CHANGE_KIND)[keyof typeof CHANGE_KIND]

/** A box adds salt 32, commitment 32 and tag 16 to its plaintext. */
export const BOX_OVERHEAD = 80
/** Metadata: name 255, link target 4,096, mime 127, a few numbers; padded to 64. */
export const MAX_META_BOX_BYTES = 4_736 + BOX_OVERHEAD
/** Blob ids or list ids that stand in a change by themselves. */
export const MAX_INLINE_REFS = 128
/** Lists of one version: 65,536 of 32,767 ids each reach 512 TiB. */
export const MAX_LISTS = 65_536
/** A manifest: 128 inline chunks or up to 65,536 list blobs of (id, key, length), about 75 bytes each. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024 - 64 * 1024
export const MAX_CHANGE_BYTES = 4 * 1024 * 1024 - 4 * 1024
/** An HPKE encapsulation (32) and the ciphertext of three 32-byte keys with some structure and a tag. */
export const MAX_SEALED_KEYS_BYTES = 256

/** Rights, as bits; inherited downwards. */
export const RIGHT = { read: 1, download: 2, write: 4, delete: 8, share: 16, admin: 32 } as const
export const ALL_RIGHTS = 63

/** H("kc", ...) of a generation's mk and ck: all grantees get these keys or notice. */
export const keyCommitmentsField = struct({ mk: [0, id], ck: [1, id] })
export type KeyCommitments = ValueOf<typeof keyCommitmentsField>

export const FORM_DERIVED = 0
export const FORM_RANDOM = 1

export const keyRecordField = struct({
  /** Node id of the parent; zeros for a space's root. */
  parent: [0, nodeId],
  /** The parent's generation whose keys open this node's; 0 for a root. */
  parentGen: [1, uint()],
  form: [2, oneOf([FORM_DERIVED, FORM_RANDOM])],
  /** Form 1 only. */
  commitments: [3, optional(keyCommitmentsField)],
  /** Form 1 only: the keys HPKE-sealed to each live grantee above; empty for a root, whose grants carry them. */
  sealed: [
    4,
    optional(array(tuple(id, uint(), bytesUpTo(MAX_SEALED_KEYS_BYTES)) /* grantee, encGen, sealed */, 1_024)),
  ],
  /** From generation 2 on: the previous mk boxed under the new one (back-m), the previous ck likewise (back-c). */
  backMk: [5, optional(bytes(32 + BOX_OVERHEAD))],
  backCk: [6, optional(bytes(32 + BOX_OVERHEAD))],
})
export type KeyRecord = ValueOf<typeof keyRecordField>

/** What a grant says of itself, keys aside. */
export const grantTermsFields = {
  id: [0, grantId],
  node: [1, nodeId],
  gen: [2, uint()],
  /** Member id (or later link or group id). */
  grantee: [3, id],
  encGen: [4, uint()],
  rights: [5, uint(ALL_RIGHTS)],
  /** The issuer's own grant; absent for the creator's first admin grant. */
  via: [6, optional(grantId)],
  /** Unix seconds. */
  notAfter: [7, optional(uint())],
} as const
export const grantField = struct({
  ...grantTermsFields,
  commitments: [8, keyCommitmentsField],
  /** HPKE to the grantee: mk, ck with `download`, the dedup secret with `write`. */
  sealed: [9, bytesUpTo(MAX_SEALED_KEYS_BYTES)],
})
export type Grant = ValueOf<typeof grantField>

/** The blobs that a version needs: by themselves, or through public lists (blobs that hold nothing but ids). */
export const refsField = struct({
  ids: [0, array(id, MAX_INLINE_REFS)],
  lists: [1, array(id, MAX_LISTS)],
})
export type Refs = ValueOf<typeof refsField>

export const changeField = struct({
  kind: [0, oneOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])],
  node: [1, nodeId],
  version: [2, uint()],
  base: [3, optional(id)],
  gen: [4, uint()],
  keyRecord: [5, optional(keyRecordField)],
  meta: [6, optional(bytesUpTo(MAX_META_BOX_BYTES))],
  manifest: [7, optional(bytesUpTo(MAX_MANIFEST_BYTES))],
  refs: [8, optional(refsField)],
  grant: [9, optional(grantField)],
  content: [10, optional(id)],
})
export type Change = ValueOf<typeof changeField>

export const changeCodec = codec('change', changeField, MAX_CHANGE_BYTES)

/** The id of a change, named by the next one's `base`: H("change", its encoding). */
export function changeId(primitives: Primitives, encoded: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'change', encoded)
}

type FieldRule = 'must' | 'may' | 'never'
interface KindRule {
  readonly base: FieldRule
  readonly keyRecord: FieldRule
  readonly meta: FieldRule
  readonly manifest: FieldRule
  readonly grant: FieldRule
}
const never = { base: 'must', keyRecord: 'never', meta: 'never', manifest: 'never', grant: 'never' } as const
const RULES: Partial<Record<ChangeKind, KindRule>> = {
  [CHANGE_KIND.create]: { base: 'never', keyRecord: 'must', meta: 'must', manifest: 'may', grant: 'may' },
  [CHANGE_KIND.write]: { ...never, meta: 'must', manifest: 'must' },
  [CHANGE_KIND.meta]: { ...never, meta: 'must' },
  [CHANGE_KIND.move]: { ...never, keyRecord: 'must', meta: 'must', manifest: 'may' },
  [CHANGE_KIND.delete]: never,
  [CHANGE_KIND.rotate]: { ...never, keyRecord: 'must', meta: 'must', manifest: 'may' },
}

/** Checks what a change's own bytes must satisfy by its kind; reserved kinds are refused. Throws MalformedError. */
export function checkChange(change: Change): void {
  const rule = RULES[change.kind as ChangeKind]
  if (rule === undefined)
    throw new MalformedError(`changes of kind ${change.kind} are reserved`, { kind: change.kind })
  const check = (name: keyof KindRule) => {
    const present = change[name] !== undefined
    if ((rule[name] === 'must' && !present) || (rule[name] === 'never' && present))
      throw new MalformedError(`a change of kind ${change.kind} ${present ? 'has no' : 'needs a'} ${name}`)
  }
  check('base')
  check('keyRecord')
  check('meta')
  check('manifest')
  check('grant')
  if ((change.refs === undefined) !== (change.manifest === undefined))
    throw new MalformedError('a manifest and its refs come together')
  if (change.content !== undefined && (change.manifest !== undefined || change.kind === CHANGE_KIND.create))
    throw new MalformedError(
      'only a change after the first that has no contents of its own names earlier ones',
    )
  if (change.version < 1 || change.gen < 1) throw new MalformedError('versions and generations start at 1')
  if (change.kind === CHANGE_KIND.create && (change.version !== 1 || change.gen !== 1))
    throw new MalformedError('a node starts at version 1 and generation 1')
  const record = change.keyRecord
  if (record === undefined) return
  const first = change.gen === 1
  if ((record.backMk === undefined) !== first || (record.backCk === undefined) !== first)
    throw new MalformedError('a later generation carries the previous keys, the first none')
  if ((record.form === FORM_RANDOM) !== (record.commitments !== undefined))
    throw new MalformedError('random keys carry commitments, derived ones none')
  if ((record.form === FORM_RANDOM) !== (record.sealed !== undefined))
    throw new MalformedError('random keys are sealed to the grantees above, derived ones are not')
}
