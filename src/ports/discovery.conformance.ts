import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../core/open/bytes.ts'
import { CancelledError } from '../core/open/errors.ts'
import type { Discovery } from './discovery.ts'

export interface DiscoveryUnderTest {
  /** Another node of the same network, and its raw key. */
  node(): Promise<{ readonly discovery: Discovery; readonly key: Uint8Array }>
  /** Leaves nothing behind. */
  cleanUp(): Promise<void>
}

const topic = (value: number) => new Uint8Array(32).fill(value)
const namesOf = (keys: readonly Uint8Array[]) => keys.map((key) => toHex(key)).sort()

/** Registers the tests of every promise that a way of finding nodes by topic makes. */
export function discoveryConformance(name: string, setup: () => Promise<DiscoveryUnderTest>): void {
  describe(name, () => {
    let under: DiscoveryUnderTest
    beforeEach(async () => {
      under = await setup()
    })
    afterEach(() => under.cleanUp())

    it('finds who announced, under that topic alone, each once', async () => {
      const [a, b, reader] = [await under.node(), await under.node(), await under.node()]
      await a.discovery.announce(topic(1))
      await a.discovery.announce(topic(1))
      await b.discovery.announce(topic(1))
      await b.discovery.announce(topic(2))
      expect(namesOf(await reader.discovery.lookup(topic(1)))).toEqual(namesOf([a.key, b.key]))
      expect(namesOf(await reader.discovery.lookup(topic(2)))).toEqual(namesOf([b.key]))
      expect(await reader.discovery.lookup(topic(3))).toEqual([])
    })

    it('finds no longer what was withdrawn', async () => {
      const [a, b, reader] = [await under.node(), await under.node(), await under.node()]
      await a.discovery.announce(topic(1))
      await b.discovery.announce(topic(1))
      await a.discovery.withdraw(topic(1))
      await a.discovery.withdraw(topic(1))
      expect(namesOf(await reader.discovery.lookup(topic(1)))).toEqual(namesOf([b.key]))
      await a.discovery.announce(topic(1))
      expect(namesOf(await reader.discovery.lookup(topic(1)))).toEqual(namesOf([a.key, b.key]))
    })

    it('can be cancelled', async () => {
      const { discovery } = await under.node()
      const signal = AbortSignal.abort()
      await expect(discovery.announce(topic(1), signal)).rejects.toThrow(CancelledError)
      await expect(discovery.withdraw(topic(1), signal)).rejects.toThrow(CancelledError)
      await expect(discovery.lookup(topic(1), signal)).rejects.toThrow(CancelledError)
      const running = new AbortController()
      const lookup = discovery.lookup(topic(1), running.signal)
      running.abort()
      await lookup.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledError))
    })
  })
}
