import { randomFillSync } from 'node:crypto'
import { nodePrimitives as p } from '../../src/adapters/native/node-primitives.ts'
import { leafHash, verifyMerklePath } from '../../src/core/open/merkle.ts'
import { LogTree } from '../../src/core/open/log/log-tree.ts'
import { verifyConsistency } from '../../src/core/open/log/verify-consistency.ts'

export interface LogTreeRates {
  /** Entries of 400 bytes hashed and appended, a second; tiles are kept as if they were stored. */
  readonly appends: number
  /** Inclusion proofs of random leaves, made and verified, a second. */
  readonly proofs: number
  /** Consistency proofs from random sizes, made and verified, a second. */
  readonly consistencies: number
}

const ENTRY_BYTES = 400
const HEAD_EVERY = 1_000

/** The tree alone with `size` leaves, a head every 1,000; the best of a few runs. */
export function measureLogTree(size = 200_000, proofs = 20_000): LogTreeRates {
  const best = { appends: 0, proofs: 0, consistencies: 0 }
  for (let run = 0; run < 3; run++) {
    const tiles = new Map<string, Uint8Array>()
    const tree = new LogTree(p.sha256, { tile: (level, index) => tiles.get(`${level}/${index}`) }, 0)
    const entry = randomFillSync(new Uint8Array(ENTRY_BYTES))
    const view = new DataView(entry.buffer)
    const leaf = (i: number): Uint8Array => {
      view.setUint32(0, i)
      return leafHash(p.sha256, entry)
    }
    best.appends = Math.max(
      best.appends,
      rate(size, (i) => {
        tree.append(leaf(i))
        if (i % HEAD_EVERY !== 0) return
        for (const { level, index, hashes } of tree.unsaved()) tiles.set(`${level}/${index}`, hashes)
        tree.saved()
        tree.root()
      }),
    )
    const root = tree.root()
    const at = (i: number): number => (i * 7_919) % size
    best.proofs = Math.max(
      best.proofs,
      rate(proofs, (i) => {
        const path = tree.inclusion(at(i))
        if (!verifyMerklePath(p.sha256, leaf(at(i)), at(i), size, path, root))
          throw new Error('a proof fails')
      }),
    )
    const heads = Array.from({ length: 100 }, (_, i) => ({ size: at(i) + 1, root: tree.root(at(i) + 1) }))
    best.consistencies = Math.max(
      best.consistencies,
      rate(proofs, (i) => {
        const old = heads[i % heads.length]!
        if (!verifyConsistency(p.sha256, old, { size, root }, tree.consistency(old.size)))
          throw new Error('a proof fails')
      }),
    )
  }
  return best
}

/** Steps a second. */
export function rate(steps: number, step: (i: number) => void): number {
  const start = performance.now()
  for (let i = 0; i < steps; i++) step(i)
  return steps / ((performance.now() - start) / 1e3)
}
