import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import vectors from '../../../../vectors/balancer.json' with { type: 'json' }
import type { DrawRequest } from './balancer.ts'
import { drawSlots } from './balancer.ts'
import { fromHex } from '../bytes.ts'
import { CapacityError, NotEnoughProvidersError, UsageError } from '../errors.ts'
import { schemeFor } from '../stripes/scheme.ts'
import { maxShardsPerDomain } from '../stripes/stripe.ts'
import { SLOTS_PER_DOMAIN, WeightTree } from './weight-tree.ts'

const seedOf = (i: number): Uint8Array => nodePrimitives.sha256(new TextEncoder().encode(`stripe ${i}`))

function treeOf(domains: number, weights: readonly (readonly number[])[]): WeightTree {
  const tree = new WeightTree()
  tree.setDomains(domains)
  for (const [slot, weight] of weights) tree.set(slot!, weight!)
  return tree
}

describe('the balancer’s draw', () => {
  test.each([
    [
      '4+2, each its own operator',
      { k: 4, n: 6 },
      1,
      [100, 120, 150, 160, 180, 200, 220, 250, 280, 300, 350, 400],
    ],
    [
      '6+3, each its own operator',
      schemeFor(12)!,
      1,
      [100, 105, 110, 115, 120, 125, 130, 135, 140, 145, 150, 155],
    ],
    ['6+3, two an operator', schemeFor(12)!, 2, [100, 220, 150, 230, 120, 180, 200, 140, 235, 210, 160, 220]],
  ])(
    '10,000 placements fill twelve unequal providers within five points: %s',
    (_, scheme, each, capacities) => {
      const scale = (10_000 * scheme.n) / 0.7 / capacities.reduce((sum, c) => sum + c, 0)
      const tree = new WeightTree()
      tree.setDomains(capacities.length / each)
      const providers = capacities.map((c, i) => ({
        slot: Math.floor(i / each) * SLOTS_PER_DOMAIN + (i % each),
        capacity: Math.floor(c * scale),
        used: 0,
        told: 0,
      }))
      const bySlot = new Map(providers.map((provider) => [provider.slot, provider]))
      for (const { slot, capacity } of providers) tree.set(slot, capacity)
      for (let i = 0; i < 10_000; i++) {
        const { slots } = drawSlots(nodePrimitives, tree, {
          seed: seedOf(i),
          count: scheme.n,
          maxPerDomain: maxShardsPerDomain(scheme),
          skipped: [],
          held: [],
        })
        for (const slot of slots) {
          const provider = bySlot.get(slot)!
          provider.used++
          // As the ledger does it: a weight is written when it moved by more than 2 %.
          const free = provider.capacity - provider.used
          if (Math.abs(tree.weight(slot) - free) * 50 > tree.weight(slot)) tree.set(slot, free)
        }
      }
      const fills = providers.map(({ used, capacity }) => used / capacity)
      expect(Math.max(...fills) - Math.min(...fills)).toBeLessThan(0.05)
    },
  )

  test('each provider’s chance is proportional to its weight', () => {
    const weights = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    const tree = treeOf(
      9,
      weights.map((weight, i) => [i * SLOTS_PER_DOMAIN, weight]),
    )
    const drawn = weights.map(() => 0)
    const draws = 20_000
    for (let i = 0; i < draws; i++)
      for (const slot of drawSlots(nodePrimitives, tree, {
        seed: seedOf(i),
        count: 3,
        maxPerDomain: 1,
        skipped: [],
        held: [],
      }).slots)
        drawn[slot / SLOTS_PER_DOMAIN]!++
    for (const [i, weight] of weights.entries())
      expect(Math.abs(drawn[i]! / draws - (3 * weight) / 45)).toBeLessThan(0.015)
  })

  test('any draw keeps its promises', () => {
    const member = fc.record({
      domain: fc.nat(9),
      weight: fc.oneof(fc.nat(3), fc.nat(1_000), fc.nat(2 ** 28)),
    })
    fc.assert(
      fc.property(
        fc.array(member, { maxLength: 40 }),
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(9), { maxLength: 6 }),
        fc.array(fc.nat(39), { maxLength: 8 }),
        fc.nat(),
        (members, count, maxPerDomain, held, absent, seed) => {
          const tree = new WeightTree()
          tree.setDomains(10)
          const places = Array.from({ length: 10 }, () => 0)
          const slots = members.map(({ domain, weight }) => {
            const slot = domain * SLOTS_PER_DOMAIN + places[domain]!++
            tree.set(slot, weight)
            return slot
          })
          const skipped = slots.filter((_, i) => absent.includes(i)).sort((a, b) => a - b)
          const can = slots.filter((slot) => tree.weight(slot) > 0 && !skipped.includes(slot))
          const request: DrawRequest = { seed: seedOf(seed), count, maxPerDomain, skipped, held }
          if (can.length < count) {
            expect(() => drawSlots(nodePrimitives, tree, request)).toThrow(NotEnoughProvidersError)
            return
          }
          const result = drawSlots(nodePrimitives, tree, request)
          expect(new Set(result.slots).size).toBe(count)
          expect(result.slots.every((slot) => can.includes(slot))).toBe(true)
          const taken = (domain: number, list: readonly number[]): number =>
            list.filter((slot) => Math.floor(slot / SLOTS_PER_DOMAIN) === domain).length
          const heldIn = (domain: number): number => held.filter((other) => other === domain).length
          let room = 0
          for (let domain = 0; domain < 10; domain++) {
            const here = taken(domain, result.slots)
            if (here > 0) expect(here + heldIn(domain)).toBeLessThanOrEqual(result.perDomain)
            room += Math.min(taken(domain, can), Math.max(0, result.perDomain - 1 - heldIn(domain)))
          }
          if (result.perDomain > maxPerDomain) expect(room).toBeLessThan(count)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('a request outside of the limits', () => {
    const tree = treeOf(1, [[0, 5]])
    const good = { seed: seedOf(1), count: 1, maxPerDomain: 1, skipped: [], held: [] }
    expect(drawSlots(nodePrimitives, tree, good).slots).toEqual([0])
    for (const bad of [
      { seed: new Uint8Array(31) },
      { count: 0 },
      { count: 65 },
      { maxPerDomain: 0 },
      { held: [1] },
      { held: Array.from({ length: 65 }, () => 0) },
      { skipped: [3, 3] },
      { skipped: Array.from({ length: 1_025 }, (_, i) => i) },
    ])
      expect(() => drawSlots(nodePrimitives, tree, { ...good, ...bad })).toThrow(UsageError)
  })

  test('vectors/balancer.json: what the contract drew', () => {
    for (const { domains, weights, seed, result, ...request } of vectors.cases) {
      const draw = () =>
        drawSlots(nodePrimitives, treeOf(domains, weights), { ...request, seed: fromHex(seed)! })
      if (result === null) expect(draw).toThrow(NotEnoughProvidersError)
      else expect(draw()).toEqual(result)
    }
  })
})

describe('the tree of weights', () => {
  test('grows at its root, keeps its sums, and refuses what exceeds 32 bits', () => {
    const tree = new WeightTree()
    expect(() => tree.set(0, 1)).toThrow(UsageError)
    tree.setDomains(70)
    expect(tree.rootLevel).toBe(4)
    for (let domain = 0; domain < 70; domain++) tree.set(domain * SLOTS_PER_DOMAIN + 63, domain + 1)
    expect(tree.total).toBe((70 * 71) / 2)
    expect(tree.drawable).toBe(70)
    tree.set(63, 0)
    expect([tree.total, tree.drawable]).toEqual([(70 * 71) / 2 - 1, 69])
    expect(() => tree.set(64, 2 ** 32 - 1)).toThrow(CapacityError)
    expect(() => tree.set(64, 2 ** 32)).toThrow(UsageError)
    expect(tree.weight(64)).toBe(0)
    expect(() => tree.setDomains(69)).toThrow(UsageError)
    expect(() => tree.setDomains(4_097)).toThrow(CapacityError)
  })
})
