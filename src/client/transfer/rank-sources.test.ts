import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Source } from './rank-sources.ts'
import { isBetterDecoded, rankSources } from './rank-sources.ts'

const K = 4
const N = 6

/** One holder for each shard of a stripe of 4+2; all or none of them measured. */
const stripe = fc
  .record({
    known: fc.boolean(),
    holders: fc.array(
      fc.record({
        isUp: fc.boolean(),
        isShunned: fc.boolean(),
        expectedMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
      }),
      { minLength: N, maxLength: N },
    ),
  })
  .map(({ known, holders }) =>
    holders.map((holder, index): Source => ({
      ...holder,
      index,
      isData: index < K,
      expectedMs: known ? holder.expectedMs : undefined,
    })),
  )

const lastMs = (sources: readonly Source[]): number =>
  Math.max(...sources.map(({ expectedMs = 0 }) => expectedMs))

describe('rankSources', () => {
  it('gives each once, those that are there before those that are not', () => {
    fc.assert(
      fc.property(stripe, (sources) => {
        const ranked = rankSources(sources)
        expect(new Set(ranked)).toEqual(new Set(sources))
        const tiers = ranked.map(({ isUp, isShunned }) => (isUp ? 0 : 2) + (isShunned ? 1 : 0))
        expect(tiers).toEqual(tiers.toSorted((a, b) => a - b))
      }),
    )
  })

  it('chooses k that are done first, but for the price of decoding', () => {
    fc.assert(
      fc.property(stripe, (all) => {
        const sources = all.map((source) => ({ ...source, isUp: true, isShunned: false }))
        const chosen = lastMs(rankSources(sources).slice(0, K))
        const best = sources.map(({ expectedMs = 0 }) => expectedMs).sort((a, b) => a - b)[K - 1]!
        expect(chosen).toBeLessThanOrEqual(best * 1.25)
      }),
    )
  })

  it('is never slower with one more than without, but for the price of decoding', () => {
    fc.assert(
      fc.property(stripe, fc.nat(N - 1), (all, at) => {
        const sources = all.map((source) => ({ ...source, isUp: true, isShunned: false }))
        const without = rankSources(sources.filter(({ index }) => index !== at)).slice(0, K)
        expect(lastMs(rankSources(sources).slice(0, K))).toBeLessThanOrEqual(lastMs(without) * 1.25)
      }),
    )
  })

  it('keeps the order among equals of one shard, and takes data first among equals', () => {
    const equal = (index: number, isData: boolean) => ({
      index,
      isData,
      isUp: true,
      isShunned: false,
      expectedMs: undefined,
    })
    const [a, b, parity, data] = [equal(1, true), equal(1, true), equal(4, false), equal(3, true)]
    expect(rankSources([parity, b, data, a])).toEqual([b, a, data, parity])
    expect(rankSources([parity, b, data, a])[0]).toBe(b)
  })
})

describe('isBetterDecoded', () => {
  const sources = (slowMs: number): Source[] =>
    [50, 50, slowMs, 50, 60, 60].map((expectedMs, index) => ({
      index,
      isData: index < K,
      isUp: true,
      isShunned: false,
      expectedMs,
    }))

  it('leaves a holder that is much slower than decoding without it, and none that is a little', () => {
    expect(isBetterDecoded(5_000, sources(5_000), K)).toBe(true)
    expect(isBetterDecoded(100, sources(100), K)).toBe(false)
    expect(isBetterDecoded(undefined, sources(5_000), K)).toBe(false)
  })

  it('leaves nobody while the line has so much to move that decoding would take as long', () => {
    expect(isBetterDecoded(5_000, sources(5_000), K, 2_400)).toBe(true)
    expect(isBetterDecoded(5_000, sources(5_000), K, 2_600)).toBe(false)
  })

  it('needs k others that are there', () => {
    const away = sources(5_000).map((source) => ({ ...source, isUp: source.index < 3 }))
    expect(isBetterDecoded(5_000, away, K)).toBe(false)
  })
})
