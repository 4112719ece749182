import { equalBytes } from '../bytes.ts'
import type { HashFunction } from '../merkle.ts'
import { nodeHash } from '../merkle.ts'
import { HASH_BYTES } from './tile.ts'

/** Hashes of a consistency proof: two for each bit of the larger size are more than enough. */
export const MAX_CONSISTENCY_HASHES = 108

export interface TreeHead {
  /** Leaves. */
  readonly size: number
  readonly root: Uint8Array
}

/** Whether `proof` shows that the tree of `before` begins the tree of `after` (RFC 9162 section 2.1.4.2). */
export function verifyConsistency(
  hash: HashFunction,
  before: TreeHead,
  after: TreeHead,
  proof: readonly Uint8Array[],
): boolean {
  const isSize = (size: number) => Number.isSafeInteger(size) && size >= 0
  if (!isSize(before.size) || !isSize(after.size) || before.size > after.size) return false
  if (before.root.length !== HASH_BYTES || after.root.length !== HASH_BYTES) return false
  if (proof.length > MAX_CONSISTENCY_HASHES || proof.some((node) => node.length !== HASH_BYTES)) return false
  const empty = hash(new Uint8Array(0))
  if (after.size === 0 && !equalBytes(after.root, empty)) return false
  if (before.size === after.size) return proof.length === 0 && equalBytes(before.root, after.root)
  // Everything begins with nothing, but nothing has one root only.
  if (before.size === 0) return proof.length === 0 && equalBytes(before.root, empty)
  const roots = foldConsistency(hash, before.size, after.size, proof, before.root)
  return roots !== undefined && equalBytes(roots.old, before.root) && equalBytes(roots.now, after.root)
}

/**
 * The roots that a proof between two sizes, 0 < before < after, gives for both; undefined when it has not the length of one.
 * `old` stands in for what isn't sent where the smaller tree is complete.
 */
export function foldConsistency(
  hash: HashFunction,
  before: number,
  after: number,
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
): { readonly old: Uint8Array; readonly now: Uint8Array } | undefined {
  let at = before - 1
  let last = after - 1
  // Up to the largest complete subtree that ends the old tree.
  while (at % 2 === 1) {
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  // A power of two: that subtree is the whole old tree, and its root isn't sent.
  const nodes = at === 0 ? [oldRoot, ...proof] : proof
  const first = nodes[0]
  if (first === undefined) return undefined
  let old = first
  let now = first
  for (const node of nodes.slice(1)) {
    if (last === 0) return undefined
    if (at % 2 === 1 || at === last) {
      old = nodeHash(hash, node, old)
      now = nodeHash(hash, node, now)
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2)
        last = Math.floor(last / 2)
      }
    } else now = nodeHash(hash, now, node)
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 ? { old, now } : undefined
}
