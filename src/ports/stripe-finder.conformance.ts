import { beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../core/open/bytes.ts'
import { CancelledError } from '../core/open/errors.ts'
import type { StripeFinder } from './stripe-finder.ts'

export interface StripeFinderUnderTest {
  readonly finder: StripeFinder
  /** The admitted providers: ten. */
  readonly providers: readonly Uint8Array[]
  /** Makes it known that a provider holds the stripe. */
  hold(provider: Uint8Array, stripe: Uint8Array): Promise<void>
}

const stripe = new Uint8Array(32).fill(0x5a)

/** Registers the tests of every promise that a way of finding stripes makes. */
export function stripeFinderConformance(name: string, setup: () => StripeFinderUnderTest): void {
  describe(name, () => {
    let under: StripeFinderUnderTest
    beforeEach(() => {
      under = setup()
    })
    const named = async (id = stripe) => {
      const names: string[] = []
      for await (const provider of under.finder.find(id)) names.push(toHex(provider))
      return names
    }
    const all = () => under.providers.map(toHex).sort()

    it('names every admitted provider once, those who hold it first', async () => {
      const [holder, other] = [under.providers[7]!, under.providers[3]!]
      await under.hold(holder, stripe)
      await under.hold(other, stripe)
      const names = await named()
      expect(names.slice(0, 2).sort()).toEqual([toHex(holder), toHex(other)].sort())
      expect(names.toSorted()).toEqual(all())
      expect((await named(new Uint8Array(32))).toSorted()).toEqual(all())
    })

    it('names those who disappoint last, and goes on naming them', async () => {
      const [liar, honest] = [under.providers[2]!, under.providers[8]!]
      for (const provider of [liar, honest]) await under.hold(provider, stripe)
      for (let i = 0; i < 20; i++)
        for await (const provider of under.finder.find(stripe))
          under.finder.judge(provider, toHex(provider) === toHex(honest))
      const names = await named()
      expect(names[0]).toBe(toHex(honest))
      expect(names.indexOf(toHex(liar))).toBeGreaterThan(0)
      expect(names.toSorted()).toEqual(all())
    })

    it('stops when nobody asks for more, and when it is cancelled', async () => {
      for await (const provider of under.finder.find(stripe)) {
        expect(provider).toHaveLength(32)
        break
      }
      const cancelled = under.finder.find(stripe, AbortSignal.abort())[Symbol.asyncIterator]()
      await expect(cancelled.next()).rejects.toThrow(CancelledError)
    })
  })
}
