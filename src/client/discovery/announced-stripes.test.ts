import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../test/fixtures/manual-clock.ts'
import { MemoryRendezvous } from '../../adapters/memory/memory-discovery.ts'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { prefixBits, prefixOf, stripesTopic } from '../../core/open/peers/discovery.ts'
import { CancelledError, UnreachableError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { stripeId } from '../../core/open/stripes/stripe.ts'
import { stripeFinderConformance } from '../../ports/stripe-finder.conformance.ts'
import { AnnouncedStripes } from './announced-stripes.ts'
import { findHolders } from './find-holders.ts'

const pool = new Uint8Array(32).fill(4)
const keyOf = (name: string) => primitives.sha256(new TextEncoder().encode(name))

function setUp(count = 10) {
  const network = new MemoryRendezvous(new ManualClock())
  const keys = Array.from({ length: count }, (_, i) => keyOf(`provider ${i}`))
  const providers = keys.map((key) => peerId(primitives, key))
  const announce = (key: Uint8Array, stripe: Uint8Array, bits = prefixBits(count)) =>
    network.join(key).announce(stripesTopic(primitives, pool, bits, prefixOf(stripe, bits)))
  const finder = new AnnouncedStripes({
    primitives,
    pool,
    discovery: network.join(keyOf('reader')),
    providers: () => providers,
  })
  return { network, keys, providers, announce, finder }
}

stripeFinderConformance('stripes by what is announced', () => {
  const { keys, providers, announce, finder } = setUp()
  const keyById = new Map(providers.map((id, i) => [toHex(id), keys[i]!]))
  return { finder, providers, hold: (provider, stripe) => announce(keyById.get(toHex(provider))!, stripe) }
})

const stripe = {
  k: 4,
  n: 6,
  shards: Array.from({ length: 6 }, (_, i) => [keyOf(`shard ${i}`), 100] as const),
}
const id = stripeId(primitives, stripe)
const wanted = stripe.shards.map(([shard], index) => [index, shard] as const)

/** A pool in which the first six providers hold a shard each, those of `liars` say so without. */
function withHolders(count: number) {
  const under = setUp(count)
  const asked: string[] = []
  const ask = async (provider: Uint8Array, shards: readonly Uint8Array[]) => {
    asked.push(toHex(provider))
    const at = under.providers.findIndex((other) => toHex(other) === toHex(provider))
    return shards.map((_, index) => index === at)
  }
  return { ...under, asked, ask }
}

describe('finding holders', () => {
  it('asks those that announce the prefix, and nobody else when they have enough', async () => {
    const { finder, keys, announce, asked, ask } = withHolders(40)
    for (const key of keys.slice(0, 6)) await announce(key, id)
    const found = await findHolders({ finder, id, wanted, enough: 6, ask })
    expect(found.map(([index]) => index).sort()).toEqual([0, 1, 2, 3, 4, 5])
    expect(asked.length).toBeLessThanOrEqual(8 + 6)
  })

  it('finds providers that count the pool smaller or larger', async () => {
    for (const bits of [5, 7]) {
      const { finder, keys, announce, providers } = withHolders(40)
      await announce(keys[30]!, id, bits)
      for await (const first of finder.find(id)) {
        expect(toHex(first)).toBe(toHex(providers[30]!))
        break
      }
    }
  })

  it('finds all by asking known providers when the lookups are in hostile hands', async () => {
    const { keys, providers, ask, asked } = withHolders(20)
    // 50 identities around the topic: keys of nobody, keys of providers that hold nothing, and never the right ones.
    const strangers = Array.from({ length: 50 }, (_, i) => keyOf(`stranger ${i}`))
    const finder = new AnnouncedStripes({
      primitives,
      pool,
      providers: () => providers,
      discovery: {
        announce: async () => {},
        withdraw: async () => {},
        lookup: async () => [...strangers, ...keys.slice(6), ...keys.slice(6)],
      },
    })
    const found = await findHolders({ finder, id, wanted, enough: 4, ask })
    expect(new Set(found.map(([index]) => index)).size).toBeGreaterThanOrEqual(4)
    // Nobody twice, no stranger ever.
    expect(new Set(asked).size).toBe(asked.length)
    expect(asked.length).toBeLessThanOrEqual(20)
  })

  it('asks last who announced in vain again and again, and pardons who proves to hold', async () => {
    const { finder, keys, providers, announce, ask } = withHolders(20)
    for (const key of [keys[19]!, ...keys.slice(0, 6)]) await announce(key, id)
    const order = async () => {
      const names: string[] = []
      for await (const provider of finder.find(id)) names.push(toHex(provider))
      return names.indexOf(toHex(providers[19]!))
    }
    for (let i = 0; i < 8; i++) await findHolders({ finder, id, wanted, enough: 7, ask })
    expect(await order()).toBe(19)
    finder.judge(providers[19]!, true)
    expect(await order()).toBeLessThan(19)
  })

  it('goes past providers that fail, answer nonsense or hang, and blames only nonsense', async () => {
    const { finder, keys, announce } = withHolders(12)
    for (const key of keys.slice(0, 6)) await announce(key, id)
    let turn = 0
    const found = await findHolders({
      finder,
      id,
      wanted,
      enough: 1,
      ask: (_provider, shards, signal) => {
        const now = turn++
        if (now < 3) return Promise.reject(new UnreachableError('gone'))
        if (now < 6) return Promise.resolve([true])
        if (now < 11)
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new CancelledError('stopped')))
          })
        return Promise.resolve(shards.map((_, index) => index === 5))
      },
    })
    expect(found.map(([index]) => index)).toEqual([5])
  })

  it('can be cancelled while it asks', async () => {
    const { finder } = withHolders(12)
    const stop = new AbortController()
    const search = findHolders(
      {
        finder,
        id,
        wanted,
        enough: 1,
        ask: (_provider, _shards, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new CancelledError('stopped')))
            stop.abort()
          }),
      },
      stop.signal,
    )
    await expect(search).rejects.toThrow(CancelledError)
  })

  it('names admitted providers once, whatever lookups return (fuzz)', async () => {
    const { keys, providers } = setUp(12)
    const strangers = Array.from({ length: 12 }, (_, i) => keyOf(`stranger ${i}`))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constantFrom(...keys, ...strangers), fc.uint8Array({ maxLength: 40 })), {
          maxLength: 60,
        }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        async (answer, verdicts) => {
          const finder = new AnnouncedStripes({
            primitives,
            pool,
            providers: () => providers,
            discovery: { announce: async () => {}, withdraw: async () => {}, lookup: async () => answer },
          })
          for (const held of [...verdicts, true]) {
            const names: string[] = []
            for await (const provider of finder.find(id)) {
              names.push(toHex(provider))
              finder.judge(provider, held)
            }
            expect(names.toSorted()).toEqual(providers.map(toHex).sort())
          }
        },
      ),
      { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) / 10 },
    )
  })
})
