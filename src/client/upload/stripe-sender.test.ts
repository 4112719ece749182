import { beforeEach, describe, expect, it } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { MemoryTransport } from '../../adapters/memory/memory-transport.ts'
import { MemoryNetwork } from '../../adapters/memory/memory-transport.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import {
  BusyError,
  CapacityError,
  NotEnoughProvidersError,
  UnreachableError,
} from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { shardId } from '../../core/open/merkle.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { presentTicket, putShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import type { PlacementAnswer, ProviderView } from '../../core/open/protocol/tracker-methods.ts'
import { placeStripe, replaceShard, sealStripe } from '../../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { route, router } from '../../ports/rpc.ts'
import type { Connection, Transport } from '../../ports/transport.ts'
import type { Client } from '../client.ts'
import { Providers } from '../providers.ts'
import type { Tracker } from '../tracker.ts'
import type { StripeToSend } from './stripe-sender.ts'
import { sendStripe } from './stripe-sender.ts'

const MIB = 1024 * 1024
const N = 6
const SHARD = 2 * MIB
const ticket: Signed = [new Uint8Array(0), new Uint8Array(64)]

/** What the providers got; `onPut` may stop a body on its way, or an answer. */
class Store {
  readonly shards = new Set<string>()
  stats = 0
  puts = 0
  onPut: (() => Promise<void> | void) | undefined

  routes(provider: string) {
    return router([
      route(presentTicket, () => Promise.resolve({ value: {} })),
      route(statShards, ({ shards }) => {
        this.stats++
        return Promise.resolve({
          value: { present: shards.map((id) => this.shards.has(provider + toHex(id))) },
        })
      }),
      route(putShard, async ({ shard }) => {
        this.puts++
        this.shards.add(provider + toHex(shard))
        await this.onPut?.()
        return { value: {} }
      }),
    ])
  }
}

const never = { patienceMs: 10_000, isMoving: () => Promise.resolve(false) }

let network: MemoryNetwork
let store: Store
let views: ProviderView[]
let client: Client
let failed: number
let sealed: number
let sent: number
let repeated: number
let hasMoved: boolean

/** As a transport that notices that this machine is in another network. */
function noticing(transport: MemoryTransport): Transport {
  const dial = async (...how: Parameters<Transport['dial']>): Promise<Connection> => {
    const connection = await transport.dial(...how)
    return {
      peerKey: connection.peerKey,
      remoteAddress: connection.remoteAddress,
      closed: connection.closed,
      close: () => connection.close(),
      request: (...request) =>
        connection.request(...request).catch((cause: unknown) => {
          if (!hasMoved || !(cause instanceof UnreachableError)) throw cause
          throw new UnreachableError('the network changed', { networkChanged: true }, { cause })
        }),
    }
  }
  return {
    kind: 'memory',
    publicKey: transport.publicKey,
    dial,
    listen: (o) => transport.listen(o),
    close: () => transport.close(),
  }
}

beforeEach(async () => {
  network = new MemoryNetwork()
  store = new Store()
  failed = sealed = sent = repeated = 0
  hasMoved = false
  views = []
  for (let i = 0; i < N; i++) {
    const key = seedOf(`provider ${i}`)
    const id = peerId(nodePrimitives, key)
    const { address } = await network
      .transport(key)
      .listen({ address: '127.0.0.1:0', handler: store.routes(toHex(id)) })
    views.push({ id, address } as ProviderView)
  }
  /** One provider a shard; nobody else to take it. */
  const call = (method: unknown, request: { index: number; failed: Uint8Array[] }) => {
    const answer = (indices: readonly number[]): PlacementAnswer =>
      ({
        shards: indices.map((index) => [index, views[index]!.id] as const),
        tickets: indices.map((index) => [views[index]!.id, ticket] as const),
      }) as unknown as PlacementAnswer
    if (method === placeStripe) {
      return Promise.resolve(answer([...views.keys()]))
    }
    if (method === replaceShard) {
      if (request.failed.length === 0) return Promise.resolve(answer([request.index]))
      failed++
      return Promise.reject(new NotEnoughProvidersError('nobody else'))
    }
    sealed += Number(method === sealStripe)
    return Promise.resolve({})
  }
  const tracker = { call } as unknown as Tracker
  const providers = new Providers(noticing(network.transport(seedOf('client'))), nodeClock, tracker, () => {})
  providers.learn(views)
  client = { clock: nodeClock, tracker, providers, primitives: nodePrimitives } as unknown as Client
})

function send(salt: number, waiting: Partial<StripeToSend> = {}): Promise<unknown> {
  const shards = views.map((_, i) => new Uint8Array(SHARD).fill(salt * N + i))
  const stripe: Stripe = {
    k: 4,
    n: N,
    shards: shards.map((bytes) => [new Uint8Array(shardId(nodePrimitives.blake3, bytes)), bytes.length]),
  }
  const job = {
    space: seedOf('space'),
    stripe,
    shards,
    blobs: [],
    resumed: false,
    waitMs: 10_000,
    ...never,
    ...waiting,
  }
  const events = {
    onSent: (bytes: number, again: number) => {
      sent += bytes
      repeated += again
    },
    onStored: () => {},
  }
  return sendStripe(client, job, events)
}

/** Cuts all connections that are there. */
function cut(): void {
  for (const [near, far] of network.links.splice(0)) {
    near.lose()
    far.lose()
  }
}

describe.each([
  ['this machine moved', true],
  ['providers went and came back', false],
])('connections that break: %s', (_, moves) => {
  beforeEach(() => {
    hasMoved = moves
  })

  it('sends again what was on its way to each provider, and nothing else', async () => {
    let isCut = false
    store.onPut = () => {
      if (store.puts < N || isCut) return
      isCut = true
      cut()
    }
    await Promise.all([1, 2, 3].map((salt) => send(salt)))
    expect(isCut).toBe(true)
    expect(sealed).toBe(3)
    expect(store.shards.size).toBe(3 * N)
    expect(failed > 0).toBe(!moves)
    // One in part for each provider, and what of the next had gone out beside its last bytes.
    expect(repeated).toBeLessThanOrEqual(N * (SHARD + MIB))
    expect(sent - repeated).toBe(3 * N * SHARD)
  })

  it('sends nothing again that had arrived, though nobody said so', async () => {
    const answers = Promise.withResolvers<void>()
    store.onPut = async () => {
      if (store.puts === N) {
        cut()
        answers.resolve()
      }
      await answers.promise
    }
    await send(1)
    expect([store.puts, sealed, sent, repeated]).toEqual([N, 1, N * SHARD, 0])
    expect(store.stats).toBe(N)
  })
})

describe('a stripe that providers refused as full, and then for another reason', () => {
  const full = [
    [1, NotEnoughProvidersError],
    [2, CapacityError],
    [N, CapacityError],
  ] as const

  it.each(full)('of %i that are full fails as it should', async (count, expected) => {
    store.onPut = () => {
      if (store.puts <= N - count) throw new BusyError('not now')
      if (store.puts <= N) throw new CapacityError('full')
      throw new BusyError('not now')
    }
    await expect(send(1, { waitMs: 0, patienceMs: 0 })).rejects.toBeInstanceOf(expected)
    expect(store.puts).toBeGreaterThan(N)
  })
})
