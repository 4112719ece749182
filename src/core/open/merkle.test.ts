import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { concatBytes, toHex, utf8 } from './bytes.ts'
import {
  leafHash,
  merkleLevels,
  merklePath,
  merkleRoot,
  nodeHash,
  pathFrom,
  SHARD_LEAF_BYTES,
  shardId,
  shardLeaves,
  verifyMerklePath,
} from './merkle.ts'

const hash = nodePrimitives.sha256

/** RFC 9162 section 2.1.1, word for word. */
function rootByDefinition(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return hash(new Uint8Array(0))
  if (entries.length === 1) return hash(concatBytes(Uint8Array.of(0), entries[0]!))
  let k = 1
  while (2 * k < entries.length) k *= 2
  return hash(
    concatBytes(Uint8Array.of(1), rootByDefinition(entries.slice(0, k)), rootByDefinition(entries.slice(k))),
  )
}

/** RFC 9162 section 2.1.3.1, word for word. */
function pathByDefinition(entries: readonly Uint8Array[], m: number): Uint8Array[] {
  if (entries.length <= 1) return []
  let k = 1
  while (2 * k < entries.length) k *= 2
  return m < k
    ? [...pathByDefinition(entries.slice(0, k), m), rootByDefinition(entries.slice(k))]
    : [...pathByDefinition(entries.slice(k), m - k), rootByDefinition(entries.slice(0, k))]
}

const entries = (size: number): Uint8Array[] => Array.from({ length: size }, (_, i) => utf8(`entry ${i}`))
const hashed = (size: number): Uint8Array[] => entries(size).map((entry) => leafHash(hash, entry))

describe('Merkle tree', () => {
  it('has RFC 9162’s roots and paths, for every size and place up to 40', () => {
    for (let size = 0; size <= 40; size++) {
      const leaves = hashed(size)
      const levels = merkleLevels(hash, leaves)
      const root = merkleRoot(hash, leaves)
      expect(toHex(root)).toBe(toHex(rootByDefinition(entries(size))))
      expect(toHex(levels.at(-1)![0]!)).toBe(toHex(root))
      for (let index = 0; index < size; index++) {
        const path = merklePath(hash, leaves, index)
        expect(path.map(toHex)).toEqual(pathByDefinition(entries(size), index).map(toHex))
        expect(pathFrom(levels, index).map(toHex)).toEqual(path.map(toHex))
        expect(verifyMerklePath(hash, leaves[index]!, index, size, path, root)).toBe(true)
      }
    }
  })

  it('proves no other leaf, place, size or path', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 80 }),
        fc.nat(),
        (size, at, otherAt, otherSize, flip) => {
          const index = at % size
          const leaves = hashed(size)
          const root = merkleRoot(hash, leaves)
          const path = merklePath(hash, leaves, index)
          const verify = (leaf: Uint8Array, i: number, n: number, p: readonly Uint8Array[]): boolean =>
            verifyMerklePath(hash, leaf, i, n, p, root)
          const other = otherAt % size
          if (other !== index) {
            expect(verify(leaves[other]!, index, size, path)).toBe(false)
            expect(verify(leaves[index]!, other, size, path)).toBe(false)
          }
          expect(verify(leaves[index]!, index, size, [...path, root])).toBe(false)
          if (path.length > 0) {
            expect(verify(leaves[index]!, index, size, path.slice(1))).toBe(false)
            const bent = path.map((node) => node.slice())
            const node = bent[flip % bent.length]!
            node[flip % node.length]! ^= 1 << (flip % 8)
            expect(verify(leaves[index]!, index, size, bent)).toBe(false)
          }
          // A path of another length cannot fit another size; sizes that share the shape below the place may share the path.
          if (merklePath(hash, hashed(otherSize), index % otherSize).length !== path.length)
            expect(verify(leaves[index]!, index % otherSize, otherSize, path)).toBe(false)
        },
      ),
    )
  })

  it('takes no place outside of the tree, and no node for a leaf', () => {
    const leaves = hashed(2)
    const root = merkleRoot(hash, leaves)
    for (const [index, size] of [
      [-1, 2],
      [2, 2],
      [0, 0],
      [0.5, 2],
      [Number.NaN, 2],
      [0, Number.POSITIVE_INFINITY],
    ] as const)
      expect(verifyMerklePath(hash, leaves[0]!, index, size, [leaves[1]!], root)).toBe(false)
    expect(verifyMerklePath(hash, root, 0, 1, [], root)).toBe(true)
    // Leaf and node hashes differ in their first byte, so the inner node's bytes are no leaf of the same hash.
    expect(toHex(leafHash(hash, concatBytes(leaves[0]!, leaves[1]!)))).not.toBe(
      toHex(nodeHash(hash, leaves[0]!, leaves[1]!)),
    )
  })
})

describe('shard id', () => {
  it('is the root over leaves of 16 KiB, at every border', () => {
    const blake3 = nodePrimitives.blake3
    for (const length of [
      0,
      1,
      SHARD_LEAF_BYTES - 1,
      SHARD_LEAF_BYTES,
      SHARD_LEAF_BYTES + 1,
      5 * SHARD_LEAF_BYTES,
    ]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255)
      const leaves: Uint8Array[] = []
      for (let at = 0; at < length; at += SHARD_LEAF_BYTES)
        leaves.push(leafHash(blake3, bytes.subarray(at, at + SHARD_LEAF_BYTES)))
      expect(shardLeaves(blake3, bytes).map(toHex)).toEqual(leaves.map(toHex))
      expect(toHex(shardId(blake3, bytes))).toBe(toHex(merkleRoot(blake3, leaves)))
    }
  })
})
