/** The map's nodes in memory. They never change but for hashes made late and references loaded in place. */
import type { HashFunction } from '../../merkle.ts'
import { mapLeafHash, mapNodeHash } from './map-hash.ts'

export const LEAF = 1
export const BRANCH = 2
export const REFERENCE = 3

export interface MapLeaf {
  readonly kind: typeof LEAF
  readonly key: Uint8Array
  /** Hash of the newest entry that touched the key. */
  readonly value: Uint8Array
  /** That entry's index in the log; no part of the leaf's hash. */
  readonly index: number
}

export interface MapBranch {
  readonly kind: typeof BRANCH
  readonly depth: number
  /** A key below, or its first `depth` bits. */
  readonly path: Uint8Array
  left: MapNode
  right: MapNode
  /** Undefined since the last change until it is asked for. */
  hash: Uint8Array | undefined
  /** Whether its page holds it as it is. */
  isSaved: boolean
  /** When it was made, see `MapTree`; 0 for what came from a page. */
  readonly epoch: number
}

/** A branch that stands in a stored page. */
export interface MapReference {
  readonly kind: typeof REFERENCE
  readonly depth: number
  readonly path: Uint8Array
  readonly hash: Uint8Array
}

export type MapNode = MapLeaf | MapBranch | MapReference

/** A map as it is read: today's, or one of before that is still in memory. */
export interface MapNodes {
  /** The topmost node; undefined in an empty map. */
  readonly top: MapNode | undefined
  /** The left (0) or right (1) child of a branch. */
  child(node: MapBranch | MapReference, side: 0 | 1): MapNode
}

export function hashOf(hash: HashFunction, node: MapNode): Uint8Array {
  if (node.kind === LEAF) return mapLeafHash(hash, node.key, node.value)
  if (node.hash !== undefined) return node.hash
  // References have theirs.
  const { depth, path, left, right } = node as MapBranch
  // The children come first: all nodes are hashed in one scratch buffer.
  const leftHash = hashOf(hash, left)
  const rightHash = hashOf(hash, right)
  const made = mapNodeHash(hash, depth, path, leftHash, rightHash)
  ;(node as MapBranch).hash = made
  return made
}

/** The key or path of a node. */
export function pathOf(node: MapNode): Uint8Array {
  return node.kind === LEAF ? node.key : node.path
}
