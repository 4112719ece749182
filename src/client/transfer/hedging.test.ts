import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HEDGED_BURST,
  HEDGED_SHARE,
  Hedging,
  LATEST_MS,
  LONGEST_MS,
  SHORTEST_MS,
  UNKNOWN_MS,
} from './hedging.ts'

const MIB = 1024 * 1024
/** A decoding of 4 shards in place of one. */
const HEDGE = 16 * MIB

/** Uniform from 0 to 1, by a seed: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Reads of 4 MiB at this rate, with spread, of which so many stand still in the middle; each is hedged as the reader would. */
function simulate(seed: number, { reads = 2_000, rate = 10e6, spread = 0.3, stalls = 0 } = {}) {
  const random = seeded(seed)
  const hedging = new Hedging()
  const bytes = 4 * MIB
  const expectedMs = (bytes / rate) * 1_000
  let extra = 0
  let hedges = 0
  for (let i = 0; i < reads; i++) {
    const isStalled = random() < stalls
    const tookMs = isStalled ? 60_000 : expectedMs * (1 + (random() * 2 - 1) * spread)
    const delayMs = hedging.delayMs(i === 0 ? undefined : expectedMs)
    if (tookMs > delayMs && hedging.spend(HEDGE, isStalled)) {
      hedges++
      // A stalled read brings nothing beside its hedge.
      extra += isStalled ? HEDGE - bytes : HEDGE
      hedging.took(expectedMs, delayMs, false)
    } else hedging.took(expectedMs, tookMs, true)
    hedging.earn(bytes)
  }
  return { extra: extra / (reads * bytes), hedges, hedging, expectedMs }
}

describe('Hedging', () => {
  it('costs at most a twentieth of what is read and a burst, in whatever order things come', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ read: fc.nat(8 * MIB) }),
            fc.record({ hedge: fc.integer({ min: 1, max: HEDGE }) }),
          ),
          { maxLength: 300 },
        ),
        (events) => {
          const hedging = new Hedging()
          let read = 0
          let extra = 0
          for (const event of events)
            if ('read' in event) {
              hedging.earn(event.read)
              read += event.read
            } else if (hedging.spend(event.hedge)) extra += event.hedge
          // Each hedge here costs at most a burst.
          expect(extra).toBeLessThanOrEqual(read * HEDGED_SHARE + HEDGED_BURST)
        },
      ),
    )
  })

  it('leaves a slow home alone that is as slow as always, and hedges what stands still', () => {
    for (const seed of [1, 2, 3]) {
      const slow = simulate(seed, { rate: 125_000 })
      // The first read, of which nothing is known.
      expect(slow.hedges).toBeLessThanOrEqual(1)
      const lan = simulate(seed, { rate: 100e6, stalls: 0.005 })
      expect(lan.hedges).toBeGreaterThan(2)
      expect(lan.extra).toBeLessThan(0.125)
    }
  })

  it('keeps within a fifth of what is read on lines of all kinds, on average', () => {
    for (const seed of [4, 5, 6])
      for (const spread of [0.1, 0.5, 0.9])
        for (const stalls of [0, 0.01, 0.03])
          expect(simulate(seed, { spread, stalls }).extra).toBeLessThan(0.2)
  })

  it('waits longer where reads scatter, and never less or more than its bounds', () => {
    const steady = simulate(7, { spread: 0.05 })
    const rough = simulate(7, { spread: 0.95 })
    expect(rough.hedging.delayMs(1_000)).toBeGreaterThan(steady.hedging.delayMs(1_000))
    expect(steady.hedging.delayMs(1)).toBe(SHORTEST_MS)
    expect(rough.hedging.delayMs(30_000)).toBe(30_000 + LATEST_MS)
    expect(rough.hedging.delayMs(1e12)).toBe(LONGEST_MS)
    expect(new Hedging().delayMs(undefined)).toBe(UNKNOWN_MS)
  })
})
