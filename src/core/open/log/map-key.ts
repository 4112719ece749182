/**
 * Keys of the map (SECURITY.md section 6): 32 bytes, the first half names a list, the second a place in it. With
 * p(t, a..) = H(t, CBOR([a..])), its first 16 bytes, both halves take the kind's letter as t. A prefix lists completely.
 */
import { concatBytes } from '../bytes.ts'
import { taggedHash } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import { encodeCbor } from '../schema.ts'

export const MAP_KEY_BYTES = 32
export const MAP_PREFIX_BYTES = 16

type Letter = 'a' | 'n' | 'c' | 'g' | 'm' | 's' | 'p'
type Hasher = Pick<Primitives, 'sha256'>

function part(primitives: Hasher, letter: Letter, ...parts: readonly (Uint8Array | string | number)[]) {
  return taggedHash(primitives, letter, encodeCbor(parts)).subarray(0, MAP_PREFIX_BYTES)
}

/** Names; the first holder's record. */
export const mapNames = (primitives: Hasher): Uint8Array => part(primitives, 'a')
export const mapName = (primitives: Hasher, name: string): Uint8Array =>
  concatBytes(mapNames(primitives), part(primitives, 'a', name))

/** A node's placement and key record. */
export const mapNode = (primitives: Hasher, space: Uint8Array, node: Uint8Array): Uint8Array =>
  concatBytes(part(primitives, 'n', space), part(primitives, 'n', node))

/** The newest versions of a folder's children; the parent of a root is zeros. */
export const mapChildren = (primitives: Hasher, space: Uint8Array, parent: Uint8Array): Uint8Array =>
  part(primitives, 'c', space, parent)
export const mapChild = (
  primitives: Hasher,
  space: Uint8Array,
  parent: Uint8Array,
  node: Uint8Array,
): Uint8Array => concatBytes(mapChildren(primitives, space, parent), part(primitives, 'c', node))

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
export const POLICY = { genesis: 0, admission: 1, providerInvite: 2, provider: 3 } as const
export type Policy = (typeof POLICY)[keyof typeof POLICY]
export const mapPolicies = (primitives: Hasher, subject: Policy): Uint8Array => part(primitives, 'p', subject)
export const mapPolicy = (primitives: Hasher, subject: Policy, of?: Uint8Array): Uint8Array =>
  concatBytes(
    mapPolicies(primitives, subject),
    of === undefined ? part(primitives, 'p') : part(primitives, 'p', of),
  )
