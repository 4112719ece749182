import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { HEAT_HALF_LIFE_MS, Heat } from './heat.ts'
import { HOT_TIMES, HotShards, MAX_COUNTED } from './hot-shards.ts'

const shard = seedOf('shard')
const [alice, bob] = [seedOf('alice'), seedOf('bob')]
const LENGTH = 1_000

function counted(): { clock: ManualClock; hot: HotShards } {
  const clock = new ManualClock()
  return { clock, hot: new HotShards(clock) }
}

/** So many whole reads, by both in turn. */
function read(hot: HotShards, times: number, id = shard): void {
  for (let i = 0; i < times; i++) hot.served(id, LENGTH, LENGTH, i % 2 === 0 ? alice : bob)
}

describe('heat', () => {
  test('is what was served of late: half of it counts after a half-life, never more than was served', () => {
    const served = fc.record({ bytes: fc.nat(1e9), after: fc.nat(10 * HEAT_HALF_LIFE_MS) })
    fc.assert(
      fc.property(fc.array(served, { maxLength: 50 }), (all) => {
        const heat = new Heat(0, 0)
        let now = 0
        let sum = 0
        for (const { bytes, after } of all) {
          now += after
          const before = heat.at(now)
          heat.add(bytes, now)
          sum += bytes
          expect(heat.at(now)).toBeCloseTo(before + bytes, 3)
          expect(heat.at(now)).toBeLessThanOrEqual(sum)
        }
        expect(heat.at(now + HEAT_HALF_LIFE_MS)).toBeCloseTo(heat.at(now) / 2, 3)
        expect(heat.at(now + 100 * HEAT_HALF_LIFE_MS)).toBeLessThan(1)
      }),
    )
  })
})

describe('a shard is hot', () => {
  test('once it was read whole eight times, in whatever pieces', () => {
    const { hot } = counted()
    read(hot, HOT_TIMES - 1)
    for (let i = 0; i < 9; i++) hot.served(shard, LENGTH, LENGTH / 10, bob)
    expect(hot.hottest(4)).toEqual([])
    hot.served(shard, LENGTH, LENGTH / 10 + 1, alice)
    expect(hot.hottest(4)).toEqual([shard])
  })

  test('until the tracker was told, and then after as many reads again', () => {
    const { hot } = counted()
    read(hot, HOT_TIMES)
    hot.told([shard])
    expect(hot.hottest(4)).toEqual([])
    read(hot, HOT_TIMES)
    expect(hot.hottest(4)).toEqual([shard])
  })

  test('when that was lately: two half-lives apart it is not', () => {
    const { hot, clock } = counted()
    read(hot, HOT_TIMES - 1)
    clock.advance(2 * HEAT_HALF_LIFE_MS)
    read(hot, 4)
    expect(hot.hottest(4)).toEqual([])
  })

  test('not by one device alone, however much it reads; nor by another that read it an hour ago', () => {
    const { hot, clock } = counted()
    for (let i = 0; i < 100; i++) hot.served(shard, LENGTH, LENGTH, alice)
    expect(hot.hottest(4)).toEqual([])
    hot.served(shard, LENGTH, 1, bob)
    expect(hot.hottest(4)).toEqual([shard])
    clock.advance(12 * HEAT_HALF_LIFE_MS)
    for (let i = 0; i < 100; i++) hot.served(shard, LENGTH, LENGTH, alice)
    expect(hot.hottest(4)).toEqual([])
  })

  test('before others that are read less; an empty one never', () => {
    const { hot } = counted()
    const ids = Array.from({ length: 6 }, (_, i) => seedOf(`shard ${i}`))
    for (const [i, id] of ids.entries()) read(hot, HOT_TIMES + i, id)
    expect(hot.hottest(4)).toEqual(ids.toReversed().slice(0, 4))
    for (let i = 0; i < 100; i++) hot.served(seedOf('empty'), 0, 0, i % 2 === 0 ? alice : bob)
    expect(hot.hottest(100)).toHaveLength(6)
  })
})

test('a hot shard stays counted while thousands are read once, and no more than so many are', () => {
  const { hot } = counted()
  read(hot, HOT_TIMES)
  for (let i = 0; i < 2 * MAX_COUNTED; i++) {
    const id = new Uint8Array(32)
    new DataView(id.buffer).setUint32(0, i)
    hot.served(id, LENGTH, LENGTH, alice)
    expect(hot.size).toBeLessThanOrEqual(MAX_COUNTED)
  }
  expect(hot.hottest(4)).toEqual([shard])
})
