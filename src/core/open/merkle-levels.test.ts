import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { leafHash, merkleLevels, merklePath, merkleRoot, pathFrom, verifyMerklePath } from './merkle.ts'

const { sha256 } = nodePrimitives

test('paths from all levels are the paths of the tree', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, at) => {
      const leaves = Array.from({ length: size }, (_, i) => leafHash(sha256, Uint8Array.of(i)))
      const levels = merkleLevels(sha256, leaves)
      const index = at % size
      const root = merkleRoot(sha256, leaves)
      expect(levels.at(-1)).toEqual([root])
      expect(pathFrom(levels, index)).toEqual(merklePath(sha256, leaves, index))
      expect(verifyMerklePath(sha256, leaves[index]!, index, size, pathFrom(levels, index), root)).toBe(true)
    }),
  )
  expect(merkleLevels(sha256, [])).toEqual([[merkleRoot(sha256, [])]])
})
