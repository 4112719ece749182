import { expect, test } from 'vitest'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import vectors from '../../../../vectors/placement.json' with { type: 'json' }
import { fromHex, toHex } from '../bytes.ts'
import { decoderConformance } from '../decoder.conformance.ts'
import { NotEnoughProvidersError } from '../errors.ts'
import type { PlacementDraw } from './placement.ts'
import { PlacementTree, SKIPPED, drawPlacement, isDrawn, isNarrow, placementDrawCodec } from './placement.ts'
import { SLOTS_PER_DOMAIN } from './weight-tree.ts'

const name = (text: string, i: number) => nodePrimitives.sha256(new TextEncoder().encode(`${text} ${i}`))

/** Providers of so many weights, each in a domain of its own. */
const treeOf = (weights: readonly number[]) =>
  new PlacementTree({
    providers: weights.map((weight, i) => ({ id: name('provider', i), slot: i * SLOTS_PER_DOMAIN, weight })),
    domains: weights.map((_, i) => name('domain', i)),
  })
const scheme = { k: 4, n: 6 }
const whole = {
  stripe: name('stripe', 0),
  scheme,
  attempt: 0,
  indices: [0, 1, 2, 3, 4, 5],
  skipped: [] as const,
  held: [] as const,
}

test('vectors/placement.json: what the contract drew, and the record of it', () => {
  const hex = (text: string) => fromHex(text)!
  for (const {
    stripe,
    k,
    n,
    domains,
    providers,
    skipped,
    held,
    chosen,
    record,
    ...numbers
  } of vectors.cases) {
    const tree = new PlacementTree({
      providers: providers.map(([id, slot, weight]) => ({
        id: hex(String(id)),
        slot: Number(slot),
        weight: Number(weight),
      })),
      domains: domains.map(hex),
    })
    const request = {
      stripe: hex(stripe),
      scheme: { k, n },
      attempt: numbers.attempt,
      indices: numbers.indices,
      skipped: skipped.map(([id, why]) => [hex(String(id)), Number(why) as 0 | 1 | 2] as const),
      held: held.map(hex),
    }
    if (chosen === null || record === null) {
      expect(() => drawPlacement(nodePrimitives, tree, request)).toThrow(NotEnoughProvidersError)
      continue
    }
    expect(drawPlacement(nodePrimitives, tree, request).chosen.map(toHex)).toEqual(chosen)
    const draw = placementDrawCodec.decode(hex(record))
    expect(draw).toMatchObject({ attempt: request.attempt, indices: request.indices })
    expect([draw.skipped, draw.held]).toEqual([request.skipped, request.held])
    expect(isDrawn(nodePrimitives, tree, request, draw)).toBe(true)
  }
})

decoderConformance({
  name: 'placement draw',
  examples: vectors.cases.flatMap(({ record }) => (record === null ? [] : [fromHex(record)!])),
  ...placementDrawCodec,
})

test('a record that is not the draw is told, whatever was changed in it', () => {
  const tree = treeOf([100, 200, 300, 400, 500, 600, 700, 800])
  const skipped = [[name('provider', 2), SKIPPED.down] as const]
  const draw: PlacementDraw = {
    ...whole,
    skipped,
    ...drawPlacement(nodePrimitives, tree, { ...whole, skipped }),
  }
  const holds = (changed: Partial<PlacementDraw>, on = tree, stripe = whole.stripe) =>
    isDrawn(nodePrimitives, on, { stripe, scheme }, { ...draw, ...changed })
  expect(holds({})).toBe(true)
  expect(draw.chosen.map(toHex)).not.toContain(toHex(name('provider', 2)))
  expect(holds({ chosen: draw.chosen.toReversed() })).toBe(false)
  expect(holds({ chosen: [...draw.chosen.slice(1), name('provider', 2)] })).toBe(false)
  expect(holds({ attempt: 1 })).toBe(false)
  expect(holds({ perDomain: draw.perDomain + 1 })).toBe(false)
  expect(holds({ skipped: [[draw.chosen[0]!, SKIPPED.down]] })).toBe(false)
  expect(holds({}, tree, name('stripe', 1))).toBe(false)
  expect(holds({}, treeOf([100, 200, 300, 4, 500, 600, 700, 80_000]))).toBe(false)
})

test('a replacement counts the domains that hold the other shards', () => {
  const tree = treeOf([1_000, 1_000_000, 1_000_000_000])
  const held = [1, 1, 2, 2, 3].map((i) => name('domain', i))
  const drawn = drawPlacement(nodePrimitives, tree, { ...whole, attempt: 1, indices: [3], held })
  expect(isNarrow(scheme, drawn)).toBe(false)
  expect(drawn.chosen.map(toHex)).toEqual([toHex(name('provider', 0))])
})

test('where the failure domains are too few, a placement is narrow', () => {
  const tree = new PlacementTree({
    providers: [0, 1, 2, 3, 4, 5].map((i) => ({
      id: name('provider', i),
      slot: (i % 2) * SLOTS_PER_DOMAIN + (i >> 1),
      weight: 100,
    })),
    domains: [name('domain', 0), name('domain', 1)],
  })
  const drawn = drawPlacement(nodePrimitives, tree, whole)
  expect(new Set(drawn.chosen.map(toHex)).size).toBe(6)
  expect([drawn.perDomain, isNarrow(scheme, drawn)]).toEqual([3, true])
})

test('nobody without a weight is drawn, and too few are told', () => {
  const tree = treeOf([0, 5, 5, 5, 5, 5])
  expect(tree.drawable().map(toHex)).toEqual([1, 2, 3, 4, 5].map((i) => toHex(name('provider', i))))
  expect(() => drawPlacement(nodePrimitives, tree, whole)).toThrow(NotEnoughProvidersError)
})
