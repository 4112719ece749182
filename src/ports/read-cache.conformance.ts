import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ReadCache } from './read-cache.ts'
import { CACHE_NAME_BYTES } from './read-cache.ts'

export interface ReadCacheUnderTest {
  /** Another opener of the same cache, as in another process or after a restart. */
  open(maxBytes: number): ReadCache
  cleanUp(): void
}

const LIMIT = 20_000
const name = (value: number) => new Uint8Array(32).fill(value)
const value = (fill: number, length = 1_000) => new Uint8Array(length).fill(fill)

/** Registers the tests of every promise that a cache makes. */
export function readCacheConformance(title: string, setup: () => ReadCacheUnderTest): void {
  describe(title, () => {
    let under: ReadCacheUnderTest
    let cache: ReadCache
    beforeEach(() => {
      under = setup()
      cache = under.open(LIMIT)
    })
    afterEach(async () => {
      await cache.close()
      under.cleanUp()
    })
    const fills = async (...names: number[]) =>
      Promise.all(names.map(async (one) => (await cache.get(name(one)))?.[0]))

    it('is empty at first', async () => {
      expect(await cache.get(name(1))).toBeUndefined()
      expect(await cache.usage()).toEqual({ records: 0, bytes: 0, maxBytes: LIMIT })
    })

    it('finds a record by each of its names, to the byte, also when it is opened again', async () => {
      await cache.put([
        { names: [name(1), name(2)], value: Uint8Array.of(5, 6, 7) },
        { names: [name(3)], value: new Uint8Array(0) },
      ])
      await cache.close()
      cache = under.open(LIMIT)
      for (const one of [1, 2]) expect([...(await cache.get(name(one)))!]).toEqual([5, 6, 7])
      expect(await cache.get(name(3))).toHaveLength(0)
      expect(await cache.usage()).toMatchObject({ records: 2, bytes: 3 + 3 * CACHE_NAME_BYTES })
    })

    it('gives a name to the newest record, and forgets one that has none left', async () => {
      await cache.put([{ names: [name(1), name(2)], value: value(1) }])
      await cache.put([{ names: [name(2), name(3)], value: value(2) }])
      expect(await fills(1, 2, 3)).toEqual([1, 2, 2])
      await cache.put([{ names: [name(1)], value: value(3) }])
      expect(await fills(1, 2, 3)).toEqual([3, 2, 2])
      expect(await cache.usage()).toMatchObject({ records: 2 })
      // The same name twice, and in one put.
      await cache.put([
        { names: [name(1), name(1)], value: value(4) },
        { names: [name(1)], value: value(5) },
      ])
      expect(await fills(1)).toEqual([5])
      expect(await cache.usage()).toMatchObject({ records: 2, bytes: 2_000 + 3 * CACHE_NAME_BYTES })
    })

    it('stays within its limit: what was put longest ago goes', async () => {
      for (let i = 1; i <= 30; i++) await cache.put([{ names: [name(i)], value: value(i) }])
      // Put again: now it is young.
      await cache.put([{ names: [name(20)], value: value(20) }])
      for (let i = 31; i <= 40; i++) {
        await cache.put([{ names: [name(i)], value: value(i) }])
        expect((await cache.usage()).bytes).toBeLessThanOrEqual(LIMIT)
      }
      expect(await fills(1, 19, 20, 40)).toEqual([undefined, undefined, 20, 40])
      await cache.put([{ names: [name(50)], value: value(1, LIMIT + 1) }])
      expect(await fills(20, 40, 50)).toEqual([20, 40, undefined])
    })

    it('is shared by its openers', async () => {
      const other = under.open(LIMIT)
      await cache.put([{ names: [name(1)], value: value(1) }])
      await other.put([{ names: [name(2)], value: value(2) }])
      expect(await fills(1, 2)).toEqual([1, 2])
      expect((await other.get(name(1)))![0]).toBe(1)
      await other.close()
    })
  })
}
