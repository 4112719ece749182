import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import vectors from '../../../vectors/placement.json' with { type: 'json' }
import { fromHex, toHex } from './bytes.ts'
import { CapacityError, NotEnoughProvidersError } from './errors.ts'
import type { Candidate } from './placement.ts'
import { choosePlacement } from './placement.ts'
import { schemeFor } from './scheme.ts'
import { maxShardsPerDomain } from './stripe.ts'

const name = (text: string, i: number) => nodePrimitives.sha256(new TextEncoder().encode(`${text} ${i}`))

test('10,000 placements fill twelve unequal providers within five points', () => {
  for (const [scheme, capacities] of [
    [{ k: 4, n: 6 }, [100, 120, 150, 160, 180, 200, 220, 250, 280, 300, 350, 400]],
    [schemeFor(12)!, [100, 105, 110, 115, 120, 125, 130, 135, 140, 145, 150, 155]],
  ] as const) {
    const shardBytes = 4e6
    const total = 10_000 * scheme.n * shardBytes
    const scale = total / 0.7 / capacities.reduce((sum, c) => sum + c, 0)
    const providers = capacities.map((c, i) => ({
      provider: name('provider', i),
      operator: name('operator', i),
      capacity: Math.floor(c * scale),
      used: 0,
    }))
    const byId = new Map(providers.map((p) => [toHex(p.provider), p]))
    for (let i = 0; i < 10_000; i++) {
      const candidates = providers.map((p) => ({ ...p, free: p.capacity - p.used }))
      const stripe = name('stripe', i)
      const choice = choosePlacement(nodePrimitives, {
        stripe,
        scheme,
        count: scheme.n,
        shardBytes,
        attempt: 0,
        candidates,
        held: [],
      })
      for (const provider of choice.providers) byId.get(toHex(provider))!.used += shardBytes
    }
    const fills = providers.map((p) => p.used / p.capacity)
    expect(Math.max(...fills) - Math.min(...fills)).toBeLessThan(0.05)
  }
})

const pool = fc.array(
  fc.record({ operator: fc.nat(6), free: fc.oneof(fc.nat(10), fc.nat(1_000), fc.maxSafeNat()) }),
  { maxLength: 30 },
)

test('every draw keeps its promises, and gives the same providers in any order of the candidates', () => {
  fc.assert(
    fc.property(
      pool,
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(100),
      (p, k, m, bytes) => {
        const candidates: Candidate[] = p.map(({ operator, free }, i) => ({
          provider: name('provider', i),
          operator: name('operator', operator),
          free,
        }))
        const scheme = { k, n: k + m }
        const request = {
          stripe: name('s', k),
          scheme,
          count: scheme.n,
          shardBytes: bytes,
          attempt: 0,
          held: [],
        }
        let choice
        try {
          choice = choosePlacement(nodePrimitives, { ...request, candidates })
        } catch (error) {
          if (candidates.length < scheme.n) expect(error).toBeInstanceOf(NotEnoughProvidersError)
          else {
            expect(error).toBeInstanceOf(CapacityError)
            expect(candidates.filter(({ free }) => free >= Math.max(1, bytes)).length).toBeLessThan(scheme.n)
          }
          return
        }
        const chosen = choice.providers.map(toHex)
        expect(new Set(chosen).size).toBe(scheme.n)
        const operators = new Map<string, number>()
        for (const candidate of candidates) {
          if (!chosen.includes(toHex(candidate.provider))) continue
          expect(candidate.free).toBeGreaterThanOrEqual(bytes)
          const key = toHex(candidate.operator)
          operators.set(key, (operators.get(key) ?? 0) + 1)
        }
        const most = Math.max(...operators.values())
        expect(most > maxShardsPerDomain(scheme) ? choice.narrow : true).toBe(true)
        const again = choosePlacement(nodePrimitives, { ...request, candidates: candidates.toReversed() })
        expect(again.providers.map(toHex)).toEqual(chosen)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('a replacement counts the operators that hold the other shards', () => {
  const candidates = [0, 1, 2].map((i) => ({
    provider: name('provider', i),
    operator: name('operator', i),
    free: 1_000 ** (i + 1),
  }))
  const held = [1, 1, 2, 2, 3].map((i) => name('operator', i))
  const choice = choosePlacement(nodePrimitives, {
    stripe: name('s', 0),
    scheme: { k: 4, n: 6 },
    count: 1,
    shardBytes: 10,
    attempt: 1,
    candidates,
    held,
  })
  expect(choice.narrow).toBe(false)
  expect(choice.providers.map(toHex)).toEqual([toHex(candidates[0]!.provider)])
})

test('vectors/placement.json', () => {
  const hex = (text: string) => fromHex(text)!
  for (const {
    name,
    stripe,
    k,
    n,
    candidates,
    held,
    error,
    providers,
    narrow,
    ...numbers
  } of vectors.cases) {
    const request = {
      ...numbers,
      stripe: hex(stripe),
      scheme: { k, n },
      candidates: candidates.map(([provider, operator, free]) => ({
        provider: hex(String(provider)),
        operator: hex(String(operator)),
        free: Number(free),
      })),
      held: held.map(hex),
    }
    if (error !== undefined) {
      expect(() => choosePlacement(nodePrimitives, request), name).toThrow(
        expect.objectContaining({ code: error }),
      )
      continue
    }
    const choice = choosePlacement(nodePrimitives, request)
    expect([choice.providers.map(toHex), choice.narrow], name).toEqual([providers, narrow])
  }
})
