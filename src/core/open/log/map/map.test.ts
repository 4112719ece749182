import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodePrimitives } from '../../../../adapters/native/node-primitives.ts'
import { compareBytes, toHex } from '../../bytes.ts'
import { AllmendError, FolderError, UsageError } from '../../errors.ts'
import type { MapRange } from './map-proof.ts'
import { pageOfPrefix, pointRange, prefixRange, proveMap } from './map-proof.ts'
import type { MapUpdate } from './map-tree.ts'
import { MapTree } from './map-tree.ts'
import type { NaiveLeaf } from '../../../../../test/fixtures/log/naive-log.ts'
import { naiveMapProof, naiveMapRoot } from '../../../../../test/fixtures/log/naive-log.ts'
import { verifyMapPoint, verifyMapProof } from './verify-map-proof.ts'

const hash = nodePrimitives.sha256

class Pages {
  readonly kept = new Map<string, Uint8Array>()
  top: Uint8Array = new Uint8Array(0)
  page(prefix: Uint8Array): Uint8Array | undefined {
    return this.kept.get(toHex(prefix))
  }
  save(tree: MapTree): void {
    const { top, pages } = tree.unsaved()
    for (const { prefix, bytes } of pages)
      if (bytes === undefined) this.kept.delete(toHex(prefix))
      else this.kept.set(toHex(prefix), bytes)
    this.top = top
    tree.saved()
  }
}

/** Keys that share long prefixes as often as short ones: a few values at each of a few places, the rest zero. */
const key = fc
  .array(fc.tuple(fc.constantFrom(0, 1, 2, 15, 16, 17, 31), fc.constantFrom(1, 2, 3, 128, 255)), {
    maxLength: 4,
  })
  .map((edits) => {
    const out = new Uint8Array(32)
    for (const [at, value] of edits) out[at] = value
    return out
  })
const value = fc.uint8Array({ minLength: 32, maxLength: 32 })
const update: fc.Arbitrary<MapUpdate> = fc.record({
  key,
  value: fc.option(value, { nil: undefined, freq: 3 }),
  index: fc.nat(2 ** 40),
})

function applied(model: Map<string, NaiveLeaf>, updates: readonly MapUpdate[]): void {
  for (const { key, value } of updates)
    if (value === undefined) model.delete(toHex(key))
    else model.set(toHex(key), { key, value })
}

function treeOf(leaves: readonly NaiveLeaf[]): MapTree {
  const tree = new MapTree(hash, new Pages(), new Uint8Array(0))
  tree.update(leaves.map((leaf, index) => ({ ...leaf, index })))
  return tree
}

const within = ({ first, last }: MapRange, { key }: NaiveLeaf): boolean =>
  compareBytes(first, key) <= 0 && compareBytes(key, last) <= 0
const inOrder = (leaves: Iterable<NaiveLeaf>): NaiveLeaf[] =>
  [...leaves].sort((a, b) => compareBytes(a.key, b.key))
const plain = (leaves: readonly NaiveLeaf[]): string[] => leaves.map((l) => toHex(l.key) + toHex(l.value))

describe('map', () => {
  it('has the root that its definition gives, after every batch, restart and loss of memory', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.array(update, { maxLength: 12 }), fc.constantFrom('go on', 'save', 'reopen', 'undo')),
          { maxLength: 12 },
        ),
        (batches) => {
          const pages = new Pages()
          let tree = new MapTree(hash, pages, pages.top, { kept: 0, most: 0 })
          const model = new Map<string, NaiveLeaf>()
          for (const [batch, then] of batches) {
            if (then === 'undo') {
              const [before, root] = [tree.snapshot(), toHex(tree.root)]
              tree.update(batch)
              tree.unsaved()
              tree.restore(before)
              expect(toHex(tree.root)).toBe(root)
              continue
            }
            tree.update(batch)
            applied(model, batch)
            expect(toHex(tree.root)).toBe(toHex(naiveMapRoot([...model.values()])))
            if (then !== 'go on') pages.save(tree)
            if (then === 'reopen') tree = new MapTree(hash, pages, pages.top, { kept: 0, most: 0 })
            for (const { key } of [...batch, ...model.values()]) {
              const wanted = model.get(toHex(key))?.value
              expect(tree.peek(key)?.value).toEqual(wanted)
              expect(tree.get(key)?.value).toEqual(wanted)
            }
          }
          pages.save(tree)
          // One map has one stored form, whatever way led to it.
          const fresh = new Pages()
          const again = new MapTree(hash, fresh, fresh.top)
          const indices = new Map(
            inOrder(model.values()).map(({ key }) => [toHex(key), tree.get(key)!.index]),
          )
          again.update([...model.values()].map((leaf) => ({ ...leaf, index: indices.get(toHex(leaf.key))! })))
          fresh.save(again)
          expect(toHex(pages.top)).toBe(toHex(fresh.top))
          expect([...pages.kept].map(([k, v]) => k + toHex(v)).sort()).toEqual(
            [...fresh.kept].map(([k, v]) => k + toHex(v)).sort(),
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  it('a batch that is saved in parts, and let go in between, can be undone, and is stored like any other', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.array(update, { maxLength: 16 }), fc.integer({ min: 1, max: 5 }), fc.boolean()),
          {
            maxLength: 12,
          },
        ),
        (batches) => {
          const pages = new Pages()
          // As a transaction has it: what it stores it reads, until it is undone.
          let own = new Map<string, Uint8Array | undefined>()
          const page = (prefix: Uint8Array) =>
            own.has(toHex(prefix)) ? own.get(toHex(prefix)) : pages.page(prefix)
          const tree = new MapTree(hash, { page }, pages.top, { kept: 0, most: 0 })
          const model = new Map<string, NaiveLeaf>()
          for (const [batch, size, isUndone] of batches) {
            const [before, root] = [tree.snapshot(), toHex(tree.root)]
            for (let from = 0; from < batch.length; from += size) {
              tree.update(batch.slice(from, from + size))
              for (const { prefix, bytes } of tree.unsaved().pages) own.set(toHex(prefix), bytes)
              tree.saved()
            }
            if (isUndone) {
              tree.restore(before)
              own = new Map()
              expect(toHex(tree.root)).toBe(root)
            } else applied(model, batch)
            expect(toHex(tree.root)).toBe(toHex(naiveMapRoot([...model.values()])))
            for (const { key } of [...batch, ...model.values()]) {
              const wanted = model.get(toHex(key))?.value
              expect(tree.peek(key)?.value).toEqual(wanted)
              expect(tree.get(key)?.value).toEqual(wanted)
            }
            for (const [prefix, bytes] of own)
              if (bytes === undefined) pages.kept.delete(prefix)
              else pages.kept.set(prefix, bytes)
            own = new Map()
          }
          const fresh = new Pages()
          const again = new MapTree(hash, fresh, fresh.top)
          again.update([...model.values()].map((leaf) => ({ ...leaf, index: tree.get(leaf.key)!.index })))
          fresh.save(again)
          const stored = ({ kept }: Pages) => [...kept].map(([k, v]) => k + toHex(v)).sort()
          expect(stored(pages)).toEqual(stored(fresh))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('a view proves what it was taken of, whatever is changed, saved and let go since', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(update, { maxLength: 12 }), fc.boolean(), fc.boolean()), {
          maxLength: 12,
        }),
        (batches) => {
          const pages = new Pages()
          const tree = new MapTree(hash, pages, pages.top, { kept: 0, most: 0 })
          const model = new Map<string, NaiveLeaf>()
          const all = { first: new Uint8Array(32), last: new Uint8Array(32).fill(255) }
          const views: { view: ReturnType<MapTree['view']>; wanted: string[] }[] = []
          for (const [batch, isSaved, isViewed] of batches) {
            tree.update(batch)
            applied(model, batch)
            if (isViewed) views.push({ view: tree.view(), wanted: plain(inOrder(model.values())) })
            if (isSaved) pages.save(tree)
            for (const { view, wanted } of views) {
              const found = verifyMapProof(hash, view.root, [all], proveMap(hash, view, [all]))
              expect(plain(found)).toEqual(wanted)
            }
            if (views.length > 2) views.shift()?.view.release()
            expect(toHex(tree.root)).toBe(toHex(naiveMapRoot([...model.values()])))
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('proves what stands in any ranges, and that nothing else does', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ key, value }), { selector: (l) => toHex(l.key), maxLength: 40 }),
        fc.array(fc.tuple(key, key), { minLength: 1, maxLength: 4 }),
        (leaves, pairs) => {
          const tree = treeOf(leaves)
          const ranges: MapRange[] = []
          for (const [a, b] of pairs) {
            const range = compareBytes(a, b) <= 0 ? { first: a, last: b } : { first: b, last: a }
            const isFree = ranges.every(
              (other) =>
                compareBytes(other.last, range.first) < 0 || compareBytes(range.last, other.first) < 0,
            )
            if (isFree) ranges.push(range)
          }
          const proof = proveMap(hash, tree, ranges)
          expect(toHex(proof)).toBe(toHex(naiveMapProof(leaves, ranges)))
          const wanted = inOrder(leaves.filter((leaf) => ranges.some((range) => within(range, leaf))))
          expect(plain(verifyMapProof(hash, tree.root, ranges, proof))).toEqual(plain(wanted))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('lists a prefix completely, in one proof or in pages', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ key, value }), { selector: (l) => toHex(l.key), maxLength: 60 }),
        key,
        fc.integer({ min: 1, max: 7 }),
        (leaves, any, limit) => {
          const tree = treeOf(leaves)
          const prefix = any.slice(0, 16)
          const whole = prefixRange(prefix)
          const wanted = plain(inOrder(leaves.filter((leaf) => within(whole, leaf))))
          const all = verifyMapProof(hash, tree.root, [whole], proveMap(hash, tree, [whole]))
          expect(plain(all)).toEqual(wanted)
          const paged: string[] = []
          for (let from: Uint8Array | undefined = whole.first; from !== undefined;) {
            const page = pageOfPrefix(tree, prefix, limit, from)
            const proof = proveMap(hash, tree, [page.range])
            const found = verifyMapProof(hash, tree.root, [page.range], proof)
            expect(found.length).toBeLessThanOrEqual(limit)
            paged.push(...plain(found))
            from = page.isLast ? undefined : after(page.range.last)
          }
          expect(paged).toEqual(wanted)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('proves points: present with the newest value, or absent', () => {
    const leaves = Array.from({ length: 3_000 }, (_, i) => ({
      key: hash(Uint8Array.of(i >> 8, i & 255)),
      value: hash(Uint8Array.of(1, i >> 8, i & 255)),
    }))
    const tree = treeOf(leaves)
    for (const { key, value } of leaves.slice(0, 300)) {
      const proof = proveMap(hash, tree, [pointRange(key)])
      expect(proof.length).toBeLessThan(1_000)
      expect(toHex(verifyMapPoint(hash, tree.root, key, proof)!)).toBe(toHex(value))
      const other = hash(key)
      const absent = proveMap(hash, tree, [pointRange(other)])
      expect(verifyMapPoint(hash, tree.root, other, absent)).toBeUndefined()
      // A proof that something is there doesn't show that something else isn't.
      expect(() => verifyMapPoint(hash, tree.root, other, proof)).toThrow(AllmendError)
    }
  })

  it('every tampering of a proof, a root or a range is refused or gives the very same leaves', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ key, value }), {
          selector: (l) => toHex(l.key),
          minLength: 1,
          maxLength: 40,
        }),
        fc.tuple(key, key),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
        fc.nat(3),
        fc.nat(),
        (leaves, [a, b], flips, cut, at) => {
          const tree = treeOf(leaves)
          const range = compareBytes(a, b) <= 0 ? { first: a, last: b } : { first: b, last: a }
          const proof = proveMap(hash, tree, [range])
          const wanted = plain(inOrder(leaves.filter((leaf) => within(range, leaf))))
          let bent = proof.slice()
          for (const [place, bits] of flips) bent[place % bent.length]! ^= bits
          if (cut === 1) bent = bent.slice(0, at % bent.length)
          if (cut === 2) bent = Uint8Array.of(...bent, at & 255)
          let found: string[]
          try {
            found = plain(verifyMapProof(hash, tree.root, [range], bent))
          } catch (error) {
            expect(error).toBeInstanceOf(AllmendError)
            return
          }
          expect(toHex(bent)).toBe(toHex(proof))
          expect(found).toEqual(wanted)
        },
      ),
      { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
    )
  })

  it('hides nothing: a leaf that is left out, or put behind a hash, is missed', () => {
    const leaves = Array.from({ length: 50 }, (_, i) => {
      const key = new Uint8Array(32)
      key.set(hash(Uint8Array.of(i)).subarray(0, 16), 16)
      return { key, value: hash(Uint8Array.of(i, 1)) }
    })
    const tree = treeOf(leaves)
    const range = prefixRange(new Uint8Array(16))
    for (const omitted of leaves) {
      const rest = treeOf(leaves.filter((leaf) => leaf !== omitted))
      expect(() => verifyMapProof(hash, tree.root, [range], proveMap(hash, rest, [range]))).toThrow(
        AllmendError,
      )
      // The same map, but the proof of a range that ends before the leaf.
      const shorter = { first: range.first, last: before(omitted.key) }
      expect(() => verifyMapProof(hash, tree.root, [range], proveMap(hash, tree, [shorter]))).toThrow(
        AllmendError,
      )
    }
  })

  it('refuses ranges that are none, and pages of another map', () => {
    const tree = treeOf([])
    const [low, high] = [new Uint8Array(32), new Uint8Array(32).fill(255)]
    for (const ranges of [
      [],
      [{ first: high, last: low }],
      [pointRange(new Uint8Array(16))],
      [pointRange(low), pointRange(low)],
    ])
      expect(() => proveMap(hash, tree, ranges)).toThrow(UsageError)
    const pages = new Pages()
    const big = new MapTree(hash, pages, pages.top)
    big.update(
      Array.from({ length: 2_000 }, (_, i) => ({
        key: hash(Uint8Array.of(i >> 8, i & 255)),
        value: low,
        index: i,
      })),
    )
    pages.save(big)
    const [name, bytes] = [...pages.kept].find(([prefix]) => prefix.length === 2)!
    for (const bad of [
      undefined,
      bytes.slice(1),
      Uint8Array.of(...bytes, 0),
      bent(bytes, bytes.length - 10),
      bent(bytes, 3),
    ]) {
      if (bad === undefined) pages.kept.delete(name)
      else pages.kept.set(name, bad)
      const opened = new MapTree(hash, pages, pages.top)
      const all = () => proveMap(hash, opened, [{ first: low, last: high }])
      let proof: Uint8Array
      try {
        proof = all()
      } catch (error) {
        expect(error).toBeInstanceOf(FolderError)
        continue
      }
      // Hashes within a page are taken as stored: readers notice.
      expect(() => verifyMapProof(hash, big.root, [{ first: low, last: high }], proof)).toThrow(AllmendError)
    }
  })
})

function bent(bytes: Uint8Array, at: number): Uint8Array {
  const out = new Uint8Array(bytes)
  out[at]! ^= 1
  return out
}

function after(key: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(key)
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = (out[i]! + 1) & 255
    if (out[i] !== 0) return out
  }
  return undefined
}

function before(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key)
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = (out[i]! + 255) & 255
    if (out[i] !== 255) break
  }
  return out
}
