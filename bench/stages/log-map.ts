import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodePrimitives as p } from '../../src/adapters/native/node-primitives.ts'
import { openSqliteLogStore } from '../../src/adapters/sqlite/sqlite-log-store.ts'
import { pageOfPrefix, pointRange, proveMap } from '../../src/core/open/log/map/map-proof.ts'
import { MapTree } from '../../src/core/open/log/map/map-tree.ts'
import { verifyMapPoint, verifyMapProof } from '../../src/core/open/log/map/verify-map-proof.ts'
import { rate } from './log-tree.ts'

export interface LogMapRates {
  readonly keys: number
  /** Updates a second at this many keys, with a new root each 1,000 and pages stored in SQLite each 16,384; half of them new. */
  readonly updates: number
  /** Proofs of random keys, made and verified, a second. */
  readonly points: number
  /** Children a second, listed completely from folders of 1,000, made and verified. */
  readonly listed: number
  /** Bytes of the store, and of one proof. */
  readonly storedBytes: number
  readonly proofBytes: number
}

const BATCH = 1_000
const SAVE_AFTER = 16_384
const FOLDER = 1_000

/**
 * A map of `keys` keys shaped as a pool's: half stand by themselves under their space's prefix (placements), half in folders of
 * 1,000 (newest versions).
 */
export function measureLogMap(keys = 1_000_000, updates = 50_000): LogMapRates {
  const folder = mkdtempSync(join(tmpdir(), 'allmend-bench-'))
  const store = openSqliteLogStore(join(folder, 'log.db'))
  try {
    return store.read((reader) => {
      const tree = new MapTree(p.sha256, reader, new Uint8Array(0))
      const random = randomFillSync(new Uint8Array(32 * (keys + updates)))
      const keyAt = (i: number): Uint8Array => {
        const key = random.slice(32 * i, 32 * i + 32)
        if (i % 2 === 0) key.fill(7, 0, 16)
        else
          key.set(random.subarray(64 * Math.floor(i / (2 * FOLDER)), 64 * Math.floor(i / (2 * FOLDER)) + 16))
        return key
      }
      const save = (): void => {
        store.write((storage) => storage.putPages(tree.unsaved().pages))
        tree.saved()
      }
      const apply = (from: number, count: number, pick: (i: number) => number): void => {
        for (let done = 0; done < count; done += BATCH) {
          const batch = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => {
            const at = from + done + i
            return { key: keyAt(pick(at)), value: random.slice(32 * pick(at), 32 * pick(at) + 32), index: at }
          })
          tree.update(batch)
          if (tree.root.length !== 32) throw new Error('a root has 32 bytes')
          if (tree.unsavedUpdates >= SAVE_AFTER) save()
        }
      }
      apply(0, keys, (i) => i)
      save()
      const start = performance.now()
      apply(keys, updates, (i) => (i % 2 === 0 ? i : (i * 7_919) % keys))
      save()
      const seconds = (performance.now() - start) / 1e3
      const { root } = tree
      let proofBytes = 0
      const points = rate(10_000, (i) => {
        const key = keyAt((i * 104_729) % keys)
        const proof = proveMap(p.sha256, tree, [pointRange(key)])
        proofBytes = Math.max(proofBytes, proof.length)
        if (verifyMapPoint(p.sha256, root, key, proof) === undefined) throw new Error('a key is not proven')
      })
      let children = 0
      const listings = rate(50, (i) => {
        const prefix = keyAt(2 * FOLDER * i + 1).subarray(0, 16)
        const { range } = pageOfPrefix(tree, prefix, 2 * FOLDER)
        children += verifyMapProof(p.sha256, root, [range], proveMap(p.sha256, tree, [range])).length
      })
      const storedBytes = statSync(join(folder, 'log.db')).size
      return {
        keys,
        updates: updates / seconds,
        points,
        listed: (listings * children) / 50,
        storedBytes,
        proofBytes,
      }
    })
  } finally {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
