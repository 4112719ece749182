/**
 * The key tree: each generation of a node has mk (names and details) and ck (contents). Invariants:
 * - a folder's mk opens its children's mk only, its ck their ck only: who lacks ck can't reach a content below.
 * - form 0 keys follow from the parent's and are stored nowhere; random ones (form 1) carry commitments.
 * - old keys hang back under new ones: who has a generation has the ones before it, never the other way.
 */
import { equalBytes, utf8 } from '../open/bytes.ts'
import { UntrustedError } from '../open/errors.ts'
import { tagged, taggedHash } from '../open/hash.ts'
import type { KeyCommitments } from '../open/objects/change.ts'
import type { Primitives } from '../open/primitives.ts'
import type { RandomSource } from '../open/random-source.ts'
import { encodeCbor } from '../open/schema.ts'
import { BOX_KEY_BYTES, BOX_SALT_BYTES, box, unbox } from './box.ts'
import type { GenerationPlace } from './context.ts'
import { backContext } from './context.ts'

/** What the right `read` opens, and with ck what `download` opens. */
export interface ViewKeys {
  readonly mk: Uint8Array
  readonly ck?: Uint8Array | undefined
}

export interface NodeKeys extends ViewKeys {
  readonly ck: Uint8Array
}

const COMMITMENT_LABEL = utf8('kc')

/** Fresh random keys: for a root, and for a rotation by somebody without the parent's keys. */
export function rootKeys(random: RandomSource): NodeKeys {
  return { mk: random.bytes(32), ck: random.bytes(32) }
}

/** The keys (form 0) of generation `gen` of a node below the parent's generation with these keys. */
export function childKeys(
  primitives: Primitives,
  parent: NodeKeys,
  space: Uint8Array,
  node: Uint8Array,
  gen: number,
): NodeKeys
export function childKeys(
  primitives: Primitives,
  parent: ViewKeys,
  space: Uint8Array,
  node: Uint8Array,
  gen: number,
): ViewKeys
export function childKeys(
  primitives: Primitives,
  parent: ViewKeys,
  space: Uint8Array,
  node: Uint8Array,
  gen: number,
): ViewKeys {
  const info = tagged('child', encodeCbor([space, node, gen]))
  const mk = primitives.hkdfExpand(parent.mk, info, 32)
  return parent.ck === undefined ? { mk } : { mk, ck: primitives.hkdfExpand(parent.ck, info, 32) }
}

function commitKey(primitives: Primitives, key: Uint8Array): Uint8Array {
  return taggedHash(primitives, 'kc', primitives.hkdfExpand(key, COMMITMENT_LABEL, 32))
}

/** What form 1 and grants publish, so that everybody gets the same keys. */
export function commitKeys(primitives: Primitives, keys: NodeKeys): KeyCommitments {
  return { mk: commitKey(primitives, keys.mk), ck: commitKey(primitives, keys.ck) }
}

/** Throws UntrustedError unless the keys at hand are the committed ones. */
export function checkCommitments(primitives: Primitives, keys: ViewKeys, commitments: KeyCommitments): void {
  const fits = (key: Uint8Array | undefined, commitment: Uint8Array) =>
    key === undefined || equalBytes(commitKey(primitives, key), commitment)
  if (!fits(keys.mk, commitments.mk) || !fits(keys.ck, commitments.ck))
    throw new UntrustedError("a node's keys are not those that were committed to")
}

export interface BackBoxes {
  readonly backMk: Uint8Array
  readonly backCk: Uint8Array
}

/** The previous generation's keys boxed under the new; `place.gen` is the new one. */
export function sealBack(
  primitives: Primitives,
  random: RandomSource,
  place: GenerationPlace,
  keys: NodeKeys,
  oldGen: number,
  oldKeys: NodeKeys,
): BackBoxes {
  const context = backContext(place, oldGen)
  return {
    backMk: box(primitives, keys.mk, 'back-m', context, oldKeys.mk, random.bytes(BOX_SALT_BYTES)),
    backCk: box(primitives, keys.ck, 'back-c', context, oldKeys.ck, random.bytes(BOX_SALT_BYTES)),
  }
}

/** The previous generation's keys, ck only for who has the new ck; throws UntrustedError. */
export function openBack(
  primitives: Primitives,
  place: GenerationPlace,
  keys: NodeKeys,
  oldGen: number,
  boxes: BackBoxes,
): NodeKeys
export function openBack(
  primitives: Primitives,
  place: GenerationPlace,
  keys: ViewKeys,
  oldGen: number,
  boxes: BackBoxes,
): ViewKeys
export function openBack(
  primitives: Primitives,
  place: GenerationPlace,
  keys: ViewKeys,
  oldGen: number,
  boxes: BackBoxes,
): ViewKeys {
  const context = backContext(place, oldGen)
  const mk = checkKey(unbox(primitives, keys.mk, 'back-m', context, boxes.backMk))
  if (keys.ck === undefined) return { mk }
  return { mk, ck: checkKey(unbox(primitives, keys.ck, 'back-c', context, boxes.backCk)) }
}

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length !== BOX_KEY_BYTES)
    throw new UntrustedError('a boxed key has 32 bytes', { length: key.length })
  return key
}
