/** Copies at a provider: fetched from a holder, verified, served by tickets of their own, dropped. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Lie, Liar } from '../../../test/fixtures/lying-provider.ts'
import { lyingRoutes } from '../../../test/fixtures/lying-provider.ts'
import type { TestClient, TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { ProviderPool, seedOf, testShard } from '../../../test/fixtures/provider-pool.ts'
import { MemoryShardStore } from '../../adapters/memory/memory-shard-store.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { COPIES_SHARE, copyTimeMs } from '../../core/open/stripes/copies.ts'
import { CapacityError, DeniedError, NotFoundError } from '../../core/open/errors.ts'
import { TICKET_READ, TICKET_READ_COPY, TICKET_WRITE } from '../../core/open/objects/ticket.ts'
import { putShard, readShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import { call } from '../../ports/rpc.ts'
import { HEAT_HALF_LIFE_MS } from './heat.ts'
import type { CopyAsk } from './fetch-copy.ts'
import type { ShardCopies } from './shard-copies.ts'

const shard = testShard(1, 4, 30_000)
const other = testShard(2, 4, 30_000)
const CAPACITY = 4_000_000
const { signal } = new AbortController()

let pool: ProviderPool
let liar: Liar
let holder: TestProvider
let copier: TestProvider
let copies: ShardCopies
/** The copier, as a reader of others. */
let reading: TestClient
let place: MemoryShardStore | undefined
let opened: number
let alice: TestClient
beforeEach(async () => {
  pool = new ProviderPool()
  liar = { lie: undefined, lies: 0 }
  holder = await pool.provider('holder', { wrap: (routes) => lyingRoutes(routes, liar) })
  for (const { id, bytes } of [shard, other]) await holder.store.put(id, bytes)
  ;[place, opened] = [undefined, 0]
  copier = await pool.provider('copier', {
    capacity: CAPACITY,
    copyPlace: {
      open: async () => {
        opened++
        return (place = new MemoryShardStore(nodePrimitives, CAPACITY))
      },
      clear: async () => void (place = undefined),
    },
  })
  copies = copier.provider.state.copies!
  reading = pool.asClient(copier.transport)
  alice = pool.client('alice')
})
afterEach(() => pool.close())

const askFor = (made: typeof shard, changes = {}): CopyAsk => ({
  address: holder.address,
  ticket: pool.ticket(reading, holder, TICKET_READ, [made], changes),
})
async function fetchIt(ask = askFor(shard)): Promise<string[]> {
  copies.fetch(ask, signal)
  await copies.idle()
  return copies.shards.map(toHex)
}
async function read(kind: typeof TICKET_READ | typeof TICKET_READ_COPY, ranges: [number, number][] = []) {
  const connection = await pool.connected(alice, copier, kind, [shard])
  return (await call(connection, readShard, { shard: shard.id, ranges })).body
}
async function putAt(to: TestProvider, made: typeof shard): Promise<void> {
  const connection = await pool.connected(alice, to, TICKET_WRITE, [made])
  await call(connection, putShard, { shard: made.id, index: 0, k: 4 }, made.bytes)
}
const damage = () => copier.provider.state.damage.pending(9)

describe('a copy', () => {
  test('is fetched, verified and served, whole and by ranges, to who has a ticket for copies', async () => {
    expect(await fetchIt()).toEqual([toHex(shard.id)])
    expect(toHex(await read(TICKET_READ_COPY))).toBe(toHex(shard.bytes))
    expect(toHex(await read(TICKET_READ_COPY, [[70_000, 5]]))).toBe(
      toHex(shard.bytes.subarray(70_000, 70_005)),
    )
  })

  test('is no shard: not for other tickets, not when it is asked what is here, not in what is used', async () => {
    await fetchIt()
    await expect(read(TICKET_READ)).rejects.toThrow(NotFoundError)
    expect(damage()).toEqual([[shard.id, 1]])
    const stat = async (kind: typeof TICKET_WRITE | typeof TICKET_READ_COPY) =>
      (await call(await pool.connected(alice, copier, kind, [shard]), statShards, { shards: [shard.id] }))
        .value.present
    expect(await stat(TICKET_WRITE)).toEqual([false])
    await expect(stat(TICKET_READ_COPY)).rejects.toThrow(DeniedError)
    expect(copier.store.usage()).toMatchObject({ used: 0, shards: 0 })
  })

  test('that is gone, or rotten, is not found, and that is no damage', async () => {
    await expect(read(TICKET_READ_COPY)).rejects.toThrow(NotFoundError)
    await fetchIt()
    place!.damage(shard.id, 33_000)
    await expect(read(TICKET_READ_COPY)).rejects.toThrow(NotFoundError)
    expect(copies.shards).toEqual([])
    expect(place).toBeUndefined()
    await expect(read(TICKET_READ_COPY)).rejects.toThrow(NotFoundError)
    expect(damage()).toEqual([])
  })

  test('gives way to the shard itself when that is stored here', async () => {
    await fetchIt()
    await putAt(copier, shard)
    expect(copies.shards).toEqual([])
    expect(toHex(await read(TICKET_READ_COPY))).toBe(toHex(shard.bytes))
    expect(toHex(await read(TICKET_READ))).toBe(toHex(shard.bytes))
  })

  test.each(['flip', 'cut', 'extend', 'garbage', 'bad-head'] satisfies Lie[])(
    'is not kept when its holder lies (%s), who is then not asked again for an hour',
    async (lie) => {
      liar.lie = lie
      expect(await fetchIt()).toEqual([])
      expect(liar.lies).toBe(1)
      liar.lie = undefined
      expect(await fetchIt(askFor(other))).toEqual([])
      pool.clock.advance(3_600_000)
      expect(await fetchIt(askFor(other))).toEqual([toHex(other.id)])
    },
  )

  test('is given up when it takes longer than it would over the slowest line, and may come later', async () => {
    liar.lie = 'stall'
    const fetched = fetchIt()
    await pool.clock.sleeperAt(copyTimeMs(shard.bytes.length))
    pool.clock.advance(copyTimeMs(shard.bytes.length))
    expect(await fetched).toEqual([])
    liar.lie = undefined
    expect(await fetchIt()).toEqual([toHex(shard.id)])
  })

  test('is not fetched with a ticket that is not for it', async () => {
    const stranger = pool.client('stranger')
    const ticket = (...of: Parameters<ProviderPool['ticket']>) => ({
      address: holder.address,
      ticket: pool.ticket(...of),
    })
    for (const ask of [
      ticket(stranger, holder, TICKET_READ, [shard]),
      ticket(reading, holder, TICKET_WRITE, [shard]),
      ticket(reading, holder, TICKET_READ, [shard, other]),
      ticket(reading, holder, TICKET_READ, []),
      ticket(reading, holder, TICKET_READ, [shard], { notAfter: 1 }),
      ticket(reading, holder, TICKET_READ, [shard], {}, seedOf('not the log key')),
      ticket(reading, copier, TICKET_READ, [shard]),
    ])
      expect(await fetchIt(ask)).toEqual([])
    expect(opened).toBe(0)
    expect(await fetchIt()).toHaveLength(1)
  })
})

describe('copies', () => {
  test('go when they are not read for two half-lives, and stay while they are', async () => {
    await fetchIt()
    await fetchIt(askFor(other))
    for (let i = 0; i < 8; i++) {
      pool.clock.advance(HEAT_HALF_LIFE_MS / 2)
      await copies.cool()
      await read(TICKET_READ_COPY)
    }
    expect(copies.shards.map(toHex)).toEqual([toHex(shard.id)])
    pool.clock.advance(HEAT_HALF_LIFE_MS)
    await copies.cool()
    expect(copies.shards).toHaveLength(1)
    pool.clock.advance(2 * HEAT_HALF_LIFE_MS)
    await copies.cool()
    expect(copies.shards).toEqual([])
    expect(place).toBeUndefined()
  })

  test('take at most a part of what is free, and give it back when that shrinks', async () => {
    const { length } = shard.bytes
    expect(length * COPIES_SHARE).toBeLessThan(CAPACITY)
    await fetchIt()
    const filler = testShard(4, 1, CAPACITY - length * 3)
    await copier.store.put(filler.id, filler.bytes)
    expect(await fetchIt(askFor(other))).toEqual([toHex(shard.id)])
    await copies.cool()
    expect(copies.shards).toEqual([])
    expect(await fetchIt()).toEqual([])
  })

  test('go before a shard is refused for lack of room', async () => {
    await fetchIt()
    const filler = testShard(4, 1, CAPACITY - 150_000)
    await putAt(copier, filler)
    expect(copies.shards).toEqual([])
    expect(copier.store.stat(filler.id)?.whole).toBe(true)
  })

  test('go when the disk is full though the capacity is not', async () => {
    await fetchIt()
    const put = copier.store.put.bind(copier.store)
    copier.store.put = (id, bytes) =>
      place === undefined ? put(id, bytes) : Promise.reject(new CapacityError('the disk is full'))
    await putAt(copier, other)
    expect(copies.shards).toEqual([])
    expect(copier.store.stat(other.id)?.whole).toBe(true)
  })

  test('all go when their own disk fails, and later ones are kept', async () => {
    await fetchIt()
    await fetchIt(askFor(other))
    place!.delete = () => Promise.reject(new CapacityError('the disk is full'))
    await copies.drop([shard.id])
    expect(copies.shards).toEqual([])
    expect(await fetchIt()).toEqual([toHex(shard.id)])
    expect(toHex(await read(TICKET_READ_COPY))).toBe(toHex(shard.bytes))
  })

  test('that are dropped while others are fetched and read leave no trace', async () => {
    for (let round = 0; round < 20; round++) {
      copies.fetch(askFor(round % 2 === 0 ? shard : other), signal)
      const reads = [read(TICKET_READ_COPY), read(TICKET_READ_COPY, [[0, 9]])]
      await Promise.all([copies.clear(), copies.drop([shard.id]), copies.idle(), Promise.allSettled(reads)])
      await copies.cool()
      expect(copies.shards.map((id) => place?.stat(id)?.whole)).toEqual(copies.shards.map(() => true))
      expect(place?.usage().shards ?? 0).toBe(copies.shards.length)
    }
    expect(damage()).toEqual([])
  })
})
