import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../open/bytes.ts'
import { UntrustedError } from '../open/errors.ts'
import { BOX_SALT_BYTES, box } from './box.ts'
import { backContext } from './context.ts'
import type { NodeKeys } from './key-tree.ts'
import { checkCommitments, childKeys, commitKeys, openBack, rootKeys, sealBack } from './key-tree.ts'

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }
const root = rootKeys(random)
const place = { pool: random.bytes(32), space: random.bytes(32), node: random.bytes(16), gen: 3 }
const hex = ({ mk, ck }: NodeKeys) => [toHex(mk), toHex(ck)]

test('a child has its own keys for each space, node, generation and parent', () => {
  const seen = new Set<string>()
  for (const parent of [root, rootKeys(random)])
    for (const space of [random.bytes(32), random.bytes(32)])
      for (const node of [random.bytes(16), random.bytes(16)])
        for (const gen of [1, 2])
          for (const key of hex(childKeys(primitives, parent, space, node, gen))) seen.add(key)
  expect(seen.size).toBe(32)
})

test('attack 17: who has only mk gets mk of children and no ck, whatever mk is tried for', () => {
  const view = childKeys(primitives, { mk: root.mk }, place.space, place.node, 1)
  const full = childKeys(primitives, root, place.space, place.node, 1)
  expect(view.ck).toBeUndefined()
  expect(toHex(view.mk)).toBe(toHex(full.mk))
  expect(toHex(full.mk)).not.toBe(toHex(full.ck))
})

test('attack 20: other keys than the committed ones are refused', () => {
  const commitments = commitKeys(primitives, root)
  checkCommitments(primitives, root, commitments)
  checkCommitments(primitives, { mk: root.mk }, commitments)
  const other = rootKeys(random)
  const wrong = [other, { mk: root.mk, ck: other.ck }, { mk: other.mk, ck: root.ck }, { mk: other.mk }]
  for (const keys of wrong)
    expect(() => checkCommitments(primitives, keys, commitments)).toThrow(UntrustedError)
  // Commitments of mk and ck have no tag of their own: keys that are exchanged don't fit either.
  expect(() => checkCommitments(primitives, { mk: root.ck, ck: root.mk }, commitments)).toThrow(
    UntrustedError,
  )
})

test('previous keys open with the new ones, in their place only', () => {
  const next = rootKeys(random)
  const boxes = sealBack(primitives, random, place, next, 2, root)
  expect(hex(openBack(primitives, place, next, 2, boxes))).toEqual(hex(root))
  expect(openBack(primitives, place, { mk: next.mk }, 2, boxes).ck).toBeUndefined()
  const refuse = (open: () => unknown) => expect(open).toThrow(UntrustedError)
  refuse(() => openBack(primitives, place, root, 2, boxes))
  refuse(() => openBack(primitives, place, next, 1, boxes))
  for (const elsewhere of [
    { ...place, pool: random.bytes(32) },
    { ...place, space: random.bytes(32) },
    { ...place, node: random.bytes(16) },
    { ...place, gen: 4 },
  ])
    refuse(() => openBack(primitives, elsewhere, next, 2, boxes))
  refuse(() => openBack(primitives, place, next, 2, { backMk: boxes.backCk, backCk: boxes.backMk }))
})

test('fuzz: a changed bit in a back box refuses', () => {
  const next = rootKeys(random)
  const boxes = sealBack(primitives, random, place, next, 2, root)
  fc.assert(
    fc.property(fc.nat(112 * 8 - 1), (bit) => {
      const backCk = Uint8Array.from(boxes.backCk)
      backCk[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => openBack(primitives, place, next, 2, { ...boxes, backCk })).toThrow(UntrustedError)
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})

test('a back box that holds no key is refused', () => {
  const next = rootKeys(random)
  const boxes = sealBack(primitives, random, place, next, 2, root)
  const salt = random.bytes(BOX_SALT_BYTES)
  const backMk = box(primitives, next.mk, 'back-m', backContext(place, 2), random.bytes(31), salt)
  expect(() => openBack(primitives, place, next, 2, { ...boxes, backMk })).toThrow(UntrustedError)
})
