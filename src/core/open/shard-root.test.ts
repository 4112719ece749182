import { hash } from 'blake3-jit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_TREE_LEAVES } from '../../kernels/blake3-tree-kernel.ts'
import { toHex } from './bytes.ts'
import { merkleRoot } from './merkle.ts'
import { shardRoot } from './shard-root.ts'

const blake3 = (bytes: Uint8Array): Uint8Array => hash(bytes)

function leavesOf(count: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => blake3(Uint8Array.of(i, i >> 8, seed)))
}

test('is the root that another implementation of BLAKE3 gives, for every number of leaves', () => {
  for (const count of [...Array(70).keys(), 255, 256, 257, 260, MAX_TREE_LEAVES, MAX_TREE_LEAVES + 1]) {
    const leaves = leavesOf(count, 1)
    expect(toHex(shardRoot({ blake3 }, leaves))).toBe(toHex(merkleRoot(blake3, leaves)))
  }
})

test('trees of all sizes one after the other leave nothing behind', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(255)), { maxLength: 8 }),
      (trees) => {
        for (const [count, seed] of trees) {
          const leaves = leavesOf(count, seed)
          const copies = leaves.map((leaf) => leaf.slice())
          expect(toHex(shardRoot({ blake3 }, leaves))).toBe(toHex(merkleRoot(blake3, leaves)))
          expect(leaves).toEqual(copies)
        }
      },
    ),
    { numRuns: 30 },
  )
})
