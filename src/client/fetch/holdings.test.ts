import { expect, test } from 'vitest'
import { randomFrom } from '../../../test/fixtures/seeded-random.ts'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { holdingsOf } from './holdings.ts'

const [a, b, c] = ['a', 'b', 'c'].map(seedOf) as [Uint8Array, Uint8Array, Uint8Array]
const view: StripeView = {
  id: seedOf('stripe'),
  stripe: { k: 1, n: 2, shards: [] },
  holders: [
    [0, a, true],
    [1, b, false],
  ],
  copies: [
    [0, b],
    [0, c],
  ],
}

test('holders and copies are there once each, copies as such and up', () => {
  const all = holdingsOf(view, randomFrom(1)).toSorted((x, y) => x.index - y.index || (x.isCopy ? 1 : -1))
  expect(all).toHaveLength(4)
  expect(all[0]).toEqual({ index: 0, provider: a, up: true, isCopy: false })
  expect(all[3]).toEqual({ index: 1, provider: b, up: false, isCopy: false })
  expect(all.filter(({ isCopy }) => isCopy).every(({ up, index }) => up && index === 0)).toBe(true)
  const { id, stripe, holders } = view
  expect(holdingsOf({ id, stripe, holders }, randomFrom(1))).toHaveLength(2)
})

test('readers spread: each holder of a shard comes first as often as the others', () => {
  const random = randomFrom(7)
  const first = new Map<Uint8Array, number>()
  for (let i = 0; i < 3_000; i++) {
    const { provider } = holdingsOf(view, random).find(({ index }) => index === 0)!
    first.set(provider, (first.get(provider) ?? 0) + 1)
  }
  // 1,000 each; five standard deviations are 129.
  for (const provider of [a, b, c]) expect(Math.abs(first.get(provider)! - 1_000)).toBeLessThan(129)
})
