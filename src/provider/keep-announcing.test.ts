import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryRendezvous } from '../adapters/memory/memory-discovery.ts'
import { nodePrimitives as primitives } from '../adapters/native/node-primitives.ts'
import { toHex } from '../core/open/bytes.ts'
import {
  MAX_PREFIX_BITS,
  nodesTopic,
  prefixBits,
  prefixOf,
  stripesTopic,
} from '../core/open/peers/discovery.ts'
import { CapacityError, UnreachableError } from '../core/open/errors.ts'
import { RECORD_MS, RENEW_MS } from '../ports/discovery.ts'
import type { Discovery } from '../ports/discovery.ts'
import { ManualClock } from '../../test/fixtures/manual-clock.ts'
import { Announcements, FIRST_RETRY_MS, OVERLAP_MS, ROUND_MS, keepAnnouncing } from './keep-announcing.ts'

const pool = new Uint8Array(32).fill(9)
const key = new Uint8Array(32).fill(1)
const never = new AbortController().signal

/** A provider whose store and pool a test changes at will. */
function setUp(change: (discovery: Discovery) => Discovery = (discovery) => discovery) {
  const clock = new ManualClock()
  const network = new MemoryRendezvous(clock)
  const held = new Set<number>()
  const failures: unknown[] = []
  const requests = { announced: 0, withdrawn: 0 }
  const inner = network.join(key)
  const counting: Discovery = {
    ...inner,
    announce: (topic) => (requests.announced++, inner.announce(topic)),
    withdraw: (topic) => (requests.withdrawn++, inner.withdraw(topic)),
  }
  const pools = { providers: 6 }
  const parts = {
    primitives,
    clock,
    random: { bytes: (length: number) => new Uint8Array(length).fill(128) },
    discovery: change(counting),
    pool,
    stripes: () => [...held],
    providers: () => pools.providers,
    onFailure: (error: unknown) => void failures.push(error),
  }
  const reader = network.join(new Uint8Array(32).fill(2))
  const isFound = async (stripe: number, bits: number) =>
    (await reader.lookup(stripesTopic(primitives, pool, bits, prefixOf(Uint8Array.of(stripe), bits))))
      .length > 0
  return { clock, network, held, failures, requests, pools, parts, reader, isFound }
}

describe('announcing', () => {
  it('tells of the node and of the prefixes that it holds, and of no other', async () => {
    const { parts, held, isFound, reader } = setUp()
    held.add(0xa7)
    const announcements = new Announcements(parts)
    await announcements.round(never)
    expect((await reader.lookup(nodesTopic(primitives, pool))).map(toHex)).toEqual([toHex(key)])
    expect(await isFound(0xa7, 3)).toBe(true)
    expect(await isFound(0xa0, 3)).toBe(true)
    expect(await isFound(0xff, 3)).toBe(false)
    expect(announcements.size).toBe(2)
  })

  it('says what is new twice, as nodes may not know a newcomer yet, and then seldom', async () => {
    const { parts, held, clock, requests } = setUp()
    held.add(5)
    const announcements = new Announcements(parts)
    const counts: number[] = []
    for (let round = 0; round < 4; round++) {
      await announcements.round(never)
      counts.push(requests.announced)
      clock.advance(ROUND_MS)
    }
    expect(counts).toEqual([2, 4, 4, 4])
  })

  it('takes back what it no longer holds', async () => {
    const { parts, held, isFound } = setUp()
    held.add(0x00).add(0x01).add(0xff)
    const announcements = new Announcements(parts)
    await announcements.round(never)
    held.delete(0xff)
    held.delete(0x01)
    await announcements.round(never)
    expect(await isFound(0xff, 3)).toBe(false)
    expect(await isFound(0x01, 3)).toBe(true)
    held.clear()
    await announcements.round(never)
    expect(await isFound(0x00, 3)).toBe(false)
  })

  it('stays findable as long as it runs, though a renewal fails', async () => {
    let broken = false
    const { parts, held, clock, isFound, failures, requests } = setUp((inner) => ({
      ...inner,
      announce: (topic, signal) =>
        broken ? Promise.reject(new UnreachableError('no network')) : inner.announce(topic, signal),
    }))
    held.add(5)
    const announcements = new Announcements(parts)
    await announcements.round(never)
    for (let at = 0; at < 4 * RECORD_MS; at += ROUND_MS) {
      clock.advance(ROUND_MS)
      broken = at >= RECORD_MS && at < RECORD_MS + 2 * RENEW_MS
      await announcements.round(never)
      expect(await isFound(5, 3)).toBe(true)
    }
    expect(failures.length).toBeGreaterThan(0)
    // Two topics, and no more often than the interval says.
    expect(requests.announced).toBeLessThan((2 * 4 * RECORD_MS) / (0.8 * RENEW_MS))
  })

  it('is found by readers with an older list, and goes on with the new one alone later', async () => {
    const { parts, held, clock, pools, isFound } = setUp()
    held.add(0xa7)
    const announcements = new Announcements(parts)
    await announcements.round(never)
    pools.providers = 9
    await announcements.round(never)
    expect([await isFound(0xa7, 3), await isFound(0xa7, 4)]).toEqual([true, true])
    clock.advance(OVERLAP_MS)
    await announcements.round(never)
    expect([await isFound(0xa7, 3), await isFound(0xa7, 4)]).toEqual([false, true])
    pools.providers = 0
    await announcements.round(never)
    expect(await isFound(0xa7, 4)).toBe(true)
    for (const providers of [2, 3, 50, 100, 200]) {
      pools.providers = providers
      await announcements.round(never)
    }
    expect([
      await isFound(0xa7, 1),
      await isFound(0xa7, 6),
      await isFound(0xa7, 7),
      await isFound(0xa7, 8),
    ]).toEqual([false, true, true, true])
  })

  it('costs no more for a million stripes than for a thousand', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000 }), fc.nat(), async (providers, seed) => {
        const cost = async (stripes: number) => {
          const { parts, held, pools, requests, clock } = setUp()
          pools.providers = providers
          // Ids are hashes: any spread stands for them.
          for (let i = 0; i < stripes; i++) held.add(Math.imul(i + seed, 0x9e37_79b1) >>> 24)
          const announcements = new Announcements(parts)
          for (let at = 0; at < RECORD_MS; at += ROUND_MS) {
            await announcements.round(never)
            clock.advance(ROUND_MS)
          }
          return { size: announcements.size, ...requests }
        }
        const [thousand, million] = [await cost(1_000), await cost(1_000_000)]
        expect(million.size).toBeLessThanOrEqual(2 ** prefixBits(providers) + 1)
        expect(million.size).toBeLessThanOrEqual(2 ** MAX_PREFIX_BITS + 1)
        expect(million.announced).toBeLessThanOrEqual(thousand.announced + 2 ** MAX_PREFIX_BITS / 20)
      }),
      { numRuns: 10 },
    )
  })

  it('goes on when what is held cannot be told for once', async () => {
    const stop = new AbortController()
    const { parts, clock, failures, isFound } = setUp()
    let isBroken = true
    const stripes = () => {
      if (isBroken) throw new CapacityError('the disk is full')
      return [5]
    }
    const running = keepAnnouncing({ ...parts, stripes }, stop.signal)
    await clock.sleeperAt(FIRST_RETRY_MS)
    isBroken = false
    clock.advance(FIRST_RETRY_MS)
    await clock.sleeperAt(ROUND_MS)
    stop.abort()
    await running
    expect(failures).toHaveLength(1)
    expect(await isFound(5, 3)).toBe(true)
  })

  it('works on a network that fails, and ends when it is told', async () => {
    const stop = new AbortController()
    const { parts, held, clock, failures } = setUp((inner) => ({
      ...inner,
      announce: () => Promise.reject(new UnreachableError('no network')),
    }))
    held.add(1)
    const running = keepAnnouncing(parts, stop.signal)
    // Soon at first, as the network may be just beginning.
    for (const pause of [2_000, 4_000, 8_000, 16_000, ROUND_MS]) {
      await clock.sleeperAt(pause)
      clock.advance(pause)
    }
    await clock.sleeperAt(ROUND_MS)
    stop.abort()
    await running
    expect(failures).toHaveLength(12)
  })
})
