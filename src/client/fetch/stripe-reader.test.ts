import { beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { randomFrom } from '../../../test/fixtures/seeded-random.ts'
import { MemoryNetwork } from '../../adapters/memory/memory-transport.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { encodeParity } from '../../core/open/stripes/erasure-code.ts'
import { CancelledError, NotEnoughShardsError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { shardId } from '../../core/open/merkle.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { presentTicket, readShard } from '../../core/open/protocol/provider-methods.ts'
import type { ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { stripeId } from '../../core/open/stripes/stripe.ts'
import { route, router } from '../../ports/rpc.ts'
import type { Client } from '../client.ts'
import { Providers } from '../providers.ts'
import type { Tracker } from '../tracker.ts'
import { DamageReporter } from './damage-reporter.ts'
import type { PassFor } from './stripe-reader.ts'
import { StripeReader } from './stripe-reader.ts'

const K = 4
const N = 6
const SHARD = 1024 * 1024
const ticket: Signed = [new Uint8Array(0), new Uint8Array(64)]
const all = new Map([0, 1, 2, 3].map((index) => [index, SHARD] as const))

let views: ProviderView[]
let client: Client
let skipped: number
/** How often each provider was asked, and those that don't answer. */
let asked: number[]
let stalled: Set<number>
/** May keep a provider from answering. */
let onAsked: ((place: number) => Promise<void> | undefined) | undefined
const stored = new Map<string, Uint8Array>()

beforeEach(async () => {
  const network = new MemoryNetwork()
  skipped = 0
  asked = Array.from({ length: N }, () => 0)
  stalled = new Set()
  onAsked = undefined
  views = []
  const handler = (place: number) =>
    router([
      route(presentTicket, () => Promise.resolve({ value: {} })),
      route(readShard, async ({ shard, ranges }, { signal }) => {
        asked[place]!++
        await onAsked?.(place)
        const whole = stored.get(toHex(shard))!
        const [[at, length] = [0, SHARD]] = ranges
        if (!stalled.has(place)) return { value: {}, body: whole.slice(at, at + length) }
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new CancelledError('given up'))),
        )
      }),
    ])
  for (let place = 0; place < N; place++) {
    const key = seedOf(`provider ${place}`)
    const { address } = await network
      .transport(key)
      .listen({ address: '127.0.0.1:0', handler: handler(place) })
    views.push({ id: peerId(nodePrimitives, key), address } as ProviderView)
  }
  const clock = { ...nodeClock, monotonic: () => nodeClock.monotonic() + skipped }
  const transport = network.transport(seedOf('client'))
  const providers = new Providers(transport, clock, {} as Tracker, () => {})
  providers.learn(views)
  client = {
    clock,
    providers,
    transport,
    primitives: nodePrimitives,
    random: randomFrom(1),
  } as unknown as Client
})

/** A stripe whose shards lie at a provider each. */
function reader(salt: number, k = K, n = N, passFor: PassFor = () => ticket): StripeReader {
  const data = Array.from({ length: k }, (_, i) => new Uint8Array(SHARD).fill(salt * K + i + 1))
  const shards = [...data, ...encodeParity({ k, n }, data)]
  const ids = shards.map((bytes) => new Uint8Array(shardId(nodePrimitives.blake3, bytes)))
  for (const [i, id] of ids.entries()) stored.set(toHex(id), shards[i]!)
  const stripe: Stripe = { k, n, shards: ids.map((id) => [id, SHARD] as const) }
  const holders = views.slice(0, n).map(({ id }, index) => [index, id, true] as const)
  const view = { id: stripeId(nodePrimitives, stripe), stripe, holders, copies: undefined }
  return new StripeReader(client, view, passFor, new DamageReporter({} as Tracker, client.clock))
}

async function expectDecoded(stripe: StripeReader, salt: number): Promise<void> {
  for (let index = 0; index < K; index++) {
    const [bytes] = await stripe.decoded(index, [{ offset: 0, length: SHARD }])
    expect(bytes?.every((byte) => byte === salt * K + index + 1)).toBe(true)
  }
}

test('a holder that stands still costs one hedge; later stripes are read without it, until it is its turn to show that it got better', async () => {
  stalled.add(1)
  expect(reader(0).isDirect(all)).toBe(true)
  await expectDecoded(reader(1), 1)
  expect(asked[1]).toBe(1)
  for (const salt of [2, 3, 4]) {
    const next = reader(salt)
    expect(next.isDirect(all)).toBe(false)
    await expectDecoded(next, salt)
  }
  expect(asked[1]).toBe(1)

  stalled.clear()
  skipped += 31_000
  // Nobody waits for it, so the others could be done before it is asked.
  const isAsked = Promise.withResolvers<void>()
  onAsked = (place) => (place === 1 ? void isAsked.resolve() : isAsked.promise)
  await expectDecoded(reader(6), 6)
  expect(asked[1]).toBe(2)
})

test('decoding for the sake of a few bytes is charged until the others are wanted, too', async () => {
  const { hedging } = client.providers
  for (let salt = 0; salt < 2; salt++) await expectDecoded(reader(salt), salt)
  // Something doesn't come from there for who knows how long.
  const slow = client.providers.peer(views[1]!.id).pace.down
  slow.expect(SHARD)
  slow.begin()
  skipped += 5_000
  const few = new Map([[1, 1_000]])
  const stripe = reader(3)
  expect(stripe.isDirect(few)).toBe(false)
  await stripe.decoded(1, [{ offset: 0, length: 1_000 }])
  while (hedging.spend(SHARD)) {
    // Until nothing is left.
  }
  expect(reader(4).isDirect(few)).toBe(true)
  expect(reader(4).isDirect(all)).toBe(false)
  for (const index of all.keys()) await stripe.direct(index, [{ offset: 0, length: SHARD }])
  expect(reader(4).isDirect(few)).toBe(false)
})

test('of whole copies all are read, whichever place they have, and who serves a wrong one no more', async () => {
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>()
  onAsked = () => isOpen
  const reads = Array.from({ length: 30 }, (_, salt) =>
    reader(salt, 1, 3).direct(0, [{ offset: 0, length: SHARD }]),
  )
  open()
  for (const { parts } of await Promise.all(reads)) expect(parts[0]).toHaveLength(SHARD)
  expect(asked.slice(3)).toEqual([0, 0, 0])
  for (const times of asked.slice(0, 3)) expect(times).toBeGreaterThan(5)

  const stripe = reader(1, 1, 3)
  const servers = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const { from } = await stripe.direct(0, [{ offset: 0, length: 10 }])
    servers.add(toHex(from!.provider))
    stripe.blame(from!)
  }
  expect(servers.size).toBe(3)
  await expect(stripe.direct(0, [{ offset: 0, length: 10 }])).rejects.toThrow(NotEnoughShardsError)
})

test('ranges come from their holder, and from whole shards once it is gone', async () => {
  const stripe = reader(7)
  const { parts } = await stripe.direct(2, [{ offset: 5, length: 10 }])
  expect(parts).toEqual([new Uint8Array(10).fill(7 * K + 3)])
  expect(asked).toEqual([0, 0, 1, 0, 0, 0])
  client.providers.shun(views[2]!.id)
  expect(reader(8).isDirect(all)).toBe(false)
  await expectDecoded(stripe, 7)
  expect(asked[2]).toBe(1)
})

test('a holder for whom the tracker gave no ticket is asked no further, and the others are enough', async () => {
  const withheld = views[0]!.id
  const stripe = reader(0, K, N, (provider) => (equalBytes(provider, withheld) ? undefined : ticket))
  await expect(stripe.direct(0, [{ offset: 0, length: 10 }])).rejects.toThrow(/no ticket/)
  await expectDecoded(stripe, 0)
  expect(asked[0]).toBe(0)
})
