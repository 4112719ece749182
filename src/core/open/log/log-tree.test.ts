import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { toHex, utf8 } from '../bytes.ts'
import { FolderError, MalformedError, UsageError } from '../errors.ts'
import { leafHash, verifyMerklePath } from '../merkle.ts'
import { LogTree } from './log-tree.ts'
import { naiveConsistency, naivePath, naiveRoot } from '../../../../test/fixtures/log/naive-log.ts'
import type { TileReader } from './tile.ts'
import { entriesPath, tilePath } from './tile.ts'
import { verifyConsistency } from './verify-consistency.ts'

const hash = nodePrimitives.sha256
const leavesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => leafHash(hash, utf8(`entry ${i}`)))

class Tiles implements TileReader {
  readonly kept = new Map<string, Uint8Array>()
  tile(level: number, index: number): Uint8Array | undefined {
    return this.kept.get(`${level}/${index}`)
  }
  save(tree: LogTree): void {
    for (const { level, index, hashes } of tree.unsaved()) this.kept.set(`${level}/${index}`, hashes)
    tree.saved()
  }
}

function grown(leaves: readonly Uint8Array[], tiles = new Tiles()): LogTree {
  const tree = new LogTree(hash, tiles, 0)
  for (const leaf of leaves) tree.append(leaf)
  return tree
}

describe('log tree', () => {
  it('has the roots and proofs of RFC 9162 for every size and pair up to 40', () => {
    const leaves = leavesOf(40)
    const tree = grown(leaves)
    for (let size = 0; size <= leaves.length; size++) {
      const some = leaves.slice(0, size)
      const root = naiveRoot(some)
      expect(toHex(tree.root(size))).toBe(toHex(root))
      for (let index = 0; index < size; index++) {
        const path = tree.inclusion(index, size)
        expect(path.map(toHex)).toEqual(naivePath(index, some).map(toHex))
        expect(verifyMerklePath(hash, leaves[index]!, index, size, path, root)).toBe(true)
      }
      for (let before = 0; before <= size; before++) {
        const proof = tree.consistency(before, size)
        const wanted = before === 0 ? [] : naiveConsistency(before, some)
        expect(proof.map(toHex)).toEqual(wanted.map(toHex))
        const old = { size: before, root: naiveRoot(leaves.slice(0, before)) }
        expect(verifyConsistency(hash, old, { size, root }, proof)).toBe(true)
      }
    }
  })

  it('does so across the borders of tiles, and after each restart from what was stored', () => {
    const leaves = leavesOf(66_000)
    const tiles = new Tiles()
    let tree = new LogTree(hash, tiles, 0)
    const borders = [1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000]
    const roots = new Map<number, Uint8Array>()
    for (const size of borders) {
      while (tree.size < size) tree.append(leaves[tree.size]!)
      const root = tree.root()
      expect(toHex(root)).toBe(toHex(naiveRoot(leaves.slice(0, size))))
      tiles.save(tree)
      tree = new LogTree(hash, tiles, size)
      expect(toHex(tree.root())).toBe(toHex(root))
      for (const index of [0, size >> 1, size - 1])
        expect(verifyMerklePath(hash, leaves[index]!, index, size, tree.inclusion(index), root)).toBe(true)
      for (const [before, old] of roots) {
        const proof = tree.consistency(before, size)
        expect(verifyConsistency(hash, { size: before, root: old }, { size, root }, proof)).toBe(true)
      }
      roots.set(size, root)
    }
    for (const [size, root] of roots) expect(toHex(tree.root(size))).toBe(toHex(root))
  })

  it('proves no other history: bent, cut, longer proofs and other roots are refused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 600 }),
        fc.nat(),
        fc.nat(),
        (a, b, at, bit) => {
          const [before, size] = a < b ? [a, b] : [b, a]
          const leaves = leavesOf(size)
          const tree = grown(leaves)
          const old = { size: before, root: tree.root(before) }
          const now = { size, root: tree.root() }
          const proof = tree.consistency(before)
          expect(verifyConsistency(hash, old, now, proof)).toBe(true)
          const flip = (bytes: Uint8Array): Uint8Array => {
            const out = new Uint8Array(bytes)
            out[bit % out.length]! ^= 1 << (bit % 8)
            return out
          }
          const forged = leaves.slice()
          forged[at % before] = flip(forged[at % before]!)
          const other = grown(forged)
          expect(verifyConsistency(hash, { size: before, root: flip(old.root) }, now, proof)).toBe(false)
          expect(verifyConsistency(hash, old, { size, root: flip(now.root) }, proof)).toBe(false)
          // Another past, whichever proof is shown for it.
          for (const shown of [proof, other.consistency(before)])
            expect(verifyConsistency(hash, old, { size, root: other.root() }, shown)).toBe(false)
          expect(verifyConsistency(hash, old, now, [...proof, hash(utf8('more'))])).toBe(false)
          if (proof.length > 0) {
            expect(verifyConsistency(hash, old, now, proof.slice(1))).toBe(false)
            const bent = proof.map((node, i) => (i === at % proof.length ? flip(node) : node))
            expect(verifyConsistency(hash, old, now, bent)).toBe(false)
          }
          const path = tree.inclusion(at % size)
          expect(verifyMerklePath(hash, flip(leaves[at % size]!), at % size, size, path, now.root)).toBe(
            false,
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  it('takes no sizes that are none', () => {
    const root = naiveRoot(leavesOf(1))
    const empty = naiveRoot([])
    const verify = (a: number, b: number, first = root, second = root) =>
      verifyConsistency(hash, { size: a, root: first }, { size: b, root: second }, [])
    for (const [a, b] of [
      [-1, 1],
      [2, 1],
      [0.5, 1],
      [1, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
    ] as const)
      expect(verify(a, b)).toBe(false)
    expect(verify(0, 1, empty)).toBe(true)
    expect(verify(0, 1)).toBe(false)
    expect(verify(0, 0)).toBe(false)
    expect(verify(0, 0, empty, empty)).toBe(true)
    expect(() => grown([]).inclusion(0)).toThrow(UsageError)
    expect(() => grown(leavesOf(3)).consistency(2, 4)).toThrow(UsageError)
  })

  it('finds damage: tiles that are missing or short stop it, changed ones give proofs that nobody takes', () => {
    const tiles = new Tiles()
    const leaves = leavesOf(700)
    const tree = grown(leaves, tiles)
    tiles.save(tree)
    const root = tree.root()
    const whole = tiles.kept.get('0/1')!
    tiles.kept.set('0/1', whole.slice(0, 32 * 255))
    expect(() => new LogTree(hash, tiles, 700).inclusion(510)).toThrow(FolderError)
    tiles.kept.delete('0/2')
    expect(() => new LogTree(hash, tiles, 700)).toThrow(FolderError)
    tiles.save(grown(leaves, tiles))
    const bent = new Uint8Array(whole)
    bent[5]! ^= 1
    tiles.kept.set('0/1', bent)
    const damaged = new LogTree(hash, tiles, 700)
    expect(verifyMerklePath(hash, leaves[300]!, 300, 700, damaged.inclusion(300), root)).toBe(false)
  })
})

describe('tile paths', () => {
  it('are those of tlog-tiles', () => {
    expect(tilePath(0, 1_234_067)).toBe('tile/0/x001/x234/067')
    expect(tilePath(1, 0, 17)).toBe('tile/1/000.p/17')
    expect(tilePath(3, 999)).toBe('tile/3/999')
    expect(entriesPath(273, 112)).toBe('tile/entries/273.p/112')
    expect(entriesPath(1_000)).toBe('tile/entries/x001/000')
    for (const [level, index, width] of [
      [7, 0, 1],
      [0, -1, 1],
      [0, 0, 0],
      [0, 0, 257],
    ] as const)
      expect(() => tilePath(level, index, width)).toThrow(MalformedError)
  })
})
