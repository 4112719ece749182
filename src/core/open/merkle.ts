/**
 * Merkle trees in the shape of RFC 9162 section 2.1: a tree of n leaves splits at the largest power of two below n;
 * leaf = hash(0x00 + data), node = hash(0x01 + left + right); the empty tree's root is the hash of nothing.
 * Shards use BLAKE3 over 16 KiB leaves; operations and the log use SHA-256. The hash is an argument.
 */
import { concatBytes, equalBytes } from './bytes.ts'

export type HashFunction = (bytes: Uint8Array) => Uint8Array

/** A shard's leaf: the last one may be shorter. 16 KiB balances proof size (8 hashes at 4 MiB) against audit bytes. */
export const SHARD_LEAF_BYTES = 16 * 1024

/** One scratch buffer instead of an allocation a leaf; its first byte stays 0, the leaf prefix. */
const scratch = new Uint8Array(SHARD_LEAF_BYTES + 1)

export function leafHash(hash: HashFunction, data: Uint8Array): Uint8Array {
  if (data.length > SHARD_LEAF_BYTES) return hash(concatBytes(Uint8Array.of(0), data))
  scratch.set(data, 1)
  return hash(scratch.subarray(0, data.length + 1))
}

const HASH_BYTES = 32
/** Every 16 KiB have a node of their own, so its input isn't allocated anew; the first byte stays 1, the node prefix. */
const pair = new Uint8Array(1 + 2 * HASH_BYTES)
pair[0] = 1

export function nodeHash(hash: HashFunction, left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES)
    return hash(concatBytes(Uint8Array.of(1), left, right))
  pair.set(left, 1)
  pair.set(right, 1 + HASH_BYTES)
  return hash(pair)
}

/** Root over given leaf hashes. */
export function merkleRoot(hash: HashFunction, leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash(new Uint8Array(0))
  let level = [...leaves]
  // Pairing neighbours and lifting an odd last one gives RFC 9162's shape.
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1]
      above.push(right === undefined ? level[i]! : nodeHash(hash, level[i]!, right))
    }
    level = above
  }
  return level[0]!
}

/** Inclusion path of leaf `index`, from its sibling upwards (RFC 9162 section 2.1.3.1). */
export function merklePath(hash: HashFunction, leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = []
  let level = [...leaves]
  let at = index
  while (level.length > 1) {
    const sibling = level[at ^ 1]
    if (sibling !== undefined) path.push(sibling)
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1]
      above.push(right === undefined ? level[i]! : nodeHash(hash, level[i]!, right))
    }
    level = above
    at >>= 1
  }
  return path
}

/** Whether `path` proves that `leaf` (a leaf hash) stands at `index` in the tree of `size` leaves with this root (RFC 9162 2.1.3.2). */
export function verifyMerklePath(
  hash: HashFunction,
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  let at = index
  let last = size - 1
  let node = leaf
  for (const sibling of path) {
    if (last === 0 || sibling.length !== root.length) return false
    if (at % 2 === 1 || at === last) {
      node = nodeHash(hash, sibling, node)
      if (at % 2 === 0) {
        while (at % 2 === 0 && at !== 0) {
          at = Math.floor(at / 2)
          last = Math.floor(last / 2)
        }
      }
    } else {
      node = nodeHash(hash, node, sibling)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equalBytes(node, root)
}

/** The leaf hashes of a shard's bytes, 16 KiB each. An empty shard has none. */
export function shardLeaves(hash: HashFunction, bytes: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += SHARD_LEAF_BYTES) {
    leaves.push(leafHash(hash, bytes.subarray(at, Math.min(at + SHARD_LEAF_BYTES, bytes.length))))
  }
  return leaves
}

/** A shard's id: the Merkle root of its bytes. */
export function shardId(hash: HashFunction, bytes: Uint8Array): Uint8Array {
  return merkleRoot(hash, shardLeaves(hash, bytes))
}

/** All levels of a tree, leaves first, root alone in the last: many paths from one computation. */
export type MerkleLevels = readonly (readonly Uint8Array[])[]

/** The levels over given leaf hashes; of no leaves, the empty tree's root alone. */
export function merkleLevels(hash: HashFunction, leaves: readonly Uint8Array[]): MerkleLevels {
  if (leaves.length === 0) return [[hash(new Uint8Array(0))]]
  const levels: (readonly Uint8Array[])[] = [leaves]
  let level = leaves
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1]
      above.push(right === undefined ? level[i]! : nodeHash(hash, level[i]!, right))
    }
    levels.push(above)
    level = above
  }
  return levels
}

/** The same path as `merklePath` gives. */
export function pathFrom(levels: MerkleLevels, index: number): Uint8Array[] {
  const path: Uint8Array[] = []
  let at = index
  for (const level of levels) {
    const sibling = level[at ^ 1]
    if (sibling !== undefined) path.push(sibling)
    at >>= 1
  }
  return path
}
