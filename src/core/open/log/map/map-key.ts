/**
 * Keys of the map (SECURITY.md section 6): 32 bytes, the first half names a list, the second a place in it. With
 * p(t, a..) = H(t, CBOR([a..])), its first 16 bytes, both halves take the kind's letter as t. A prefix lists completely.
 */
import { concatBytes } from '../../bytes.ts'
import { taggedHash } from '../../hash.ts'
import type { Primitives } from '../../primitives.ts'
import { encodeCbor } from '../../schema.ts'

export const MAP_KEY_BYTES = 32
export const MAP_PREFIX_BYTES = 16

type Letter = 'a' | 'n' | 'c' | 'g' | 'm' | 's' | 'p'
type Hasher = Pick<Primitives, 'sha256'>

function part(primitives: Hasher, letter: Letter, ...parts: readonly (Uint8Array | string | number)[]) {
  const [only] = parts
  const encoded =
    only instanceof Uint8Array && parts.length === 1 && only.length < 24
      ? shortArray(only)
      : encodeCbor(parts)
  return taggedHash(primitives, letter, encoded).subarray(0, MAP_PREFIX_BYTES)
}

/** CBOR of [bytes] for the ids of nodes, of which there are many: an array of one, a short byte string. */
function shortArray(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + bytes.length)
  out[0] = 0x81
  out[1] = 0x40 | bytes.length
  out.set(bytes, 2)
  return out
}

/** Names; the first holder's record. */
export const mapNames = (primitives: Hasher): Uint8Array => part(primitives, 'a')
export const mapName = (primitives: Hasher, name: string): Uint8Array =>
  concatBytes(mapNames(primitives), part(primitives, 'a', name))

/** A node's placement and key record. */
export const mapNode = (primitives: Hasher, space: Uint8Array, node: Uint8Array): Uint8Array =>
  concatBytes(mapNodes(primitives, space), placeOfNode(primitives, 'n', node))

/** The list of a space's placements. */
export const mapNodes = (primitives: Hasher, space: Uint8Array): Uint8Array => part(primitives, 'n', space)
/** The place of a node in lists of this kind: the second half of their keys. */
export const placeOfNode = (primitives: Hasher, letter: 'n' | 'c', node: Uint8Array): Uint8Array =>
  part(primitives, letter, node)

/** The newest versions of a folder's children; the parent of a root is zeros. */
export const mapChildren = (primitives: Hasher, space: Uint8Array, parent: Uint8Array): Uint8Array =>
  part(primitives, 'c', space, parent)
export const mapChild = (
  primitives: Hasher,
  space: Uint8Array,
  parent: Uint8Array,
  node: Uint8Array,
): Uint8Array => concatBytes(mapChildren(primitives, space, parent), placeOfNode(primitives, 'c', node))

/** A space's grants, by the node that they are of and the grantee. */
export const mapGrants = (primitives: Hasher, space: Uint8Array): Uint8Array => part(primitives, 'g', space)
export const mapGrant = (
  primitives: Hasher,
  space: Uint8Array,
  node: Uint8Array,
  grantee: Uint8Array,
): Uint8Array => concatBytes(mapGrants(primitives, space), part(primitives, 'g', node, grantee))

/** A member's newest record and the newest certificates of his devices. */
export const mapMember = (primitives: Hasher, member: Uint8Array): Uint8Array => part(primitives, 'm', member)
export const mapRecord = (primitives: Hasher, member: Uint8Array): Uint8Array =>
  concatBytes(mapMember(primitives, member), part(primitives, 'm', 0))
export const mapDevice = (primitives: Hasher, member: Uint8Array, device: Uint8Array): Uint8Array =>
  concatBytes(mapMember(primitives, member), part(primitives, 'm', device))

/** Spaces: the entry that made one or set its epoch. */
export const mapSpaces = (primitives: Hasher): Uint8Array => part(primitives, 's')
export const mapSpace = (primitives: Hasher, space: Uint8Array): Uint8Array =>
  concatBytes(mapSpaces(primitives), part(primitives, 's', space))

/** What the pool as a whole has agreed on: `subject` is one of POLICY. */
export const POLICY = {
  genesis: 0,
  admission: 1,
  providerInvite: 2,
  provider: 3,
  ledger: 4,
  witnessVote: 5,
} as const
export type Policy = (typeof POLICY)[keyof typeof POLICY]
export const mapPolicies = (primitives: Hasher, subject: Policy): Uint8Array => part(primitives, 'p', subject)
export const mapPolicy = (primitives: Hasher, subject: Policy, ...of: readonly Uint8Array[]): Uint8Array =>
  concatBytes(mapPolicies(primitives, subject), part(primitives, 'p', ...of))
