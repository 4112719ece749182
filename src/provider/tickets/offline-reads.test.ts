import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TestClient, TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { ProviderPool, seedOf, testShard } from '../../../test/fixtures/provider-pool.ts'
import { toHex } from '../../core/open/bytes.ts'
import { AllmendError, DeniedError, UntrustedError } from '../../core/open/errors.ts'
import { OFFLINE_AFTER_MS, MAX_OFFLINE_TICKET_SECONDS } from '../../core/open/objects/offline-ticket.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { TICKET_READ, TICKET_WRITE } from '../../core/open/objects/ticket.ts'
import {
  presentOfflineTicket,
  presentTicket,
  putShard,
  readShard,
  statShards,
} from '../../core/open/protocol/provider-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import { CLOCK_SKEW_SECONDS } from './in-time.ts'

const [shard, other, unknown] = [testShard(1), testShard(2), testShard(3)] as const
let pool: ProviderPool
let provider: TestProvider
let alice: TestClient
let connection: Connection

beforeEach(async () => {
  pool = new ProviderPool()
  provider = await pool.provider('p1')
  alice = pool.client('alice')
  // Stored the ordinary way: the ticket says whose it is.
  for (const [one, space] of [
    [shard, 'space'],
    [other, 'other space'],
  ] as const) {
    const writer = await alice.connect(provider)
    const ticket = pool.ticket(alice, provider, TICKET_WRITE, [one], { space: seedOf(space) })
    await call(writer, presentTicket, { ticket })
    await call(writer, putShard, { shard: one.id, index: 0, k: 4 }, one.bytes)
  }
  await provider.store.put(unknown.id, unknown.bytes)
  connection = await alice.connect(provider)
})
afterEach(() => pool.close())

const present = (ticket: Signed, on = connection) => call(on, presentOfflineTicket, { ticket })
const read = async (one = shard, on = connection) =>
  toHex((await call(on, readShard, { shard: one.id, ranges: [] })).body)
const stat = async (on = connection) =>
  (await call(on, statShards, { shards: [shard, other, unknown, testShard(9)].map(({ id }) => id) })).value
    .present
const seconds = () => Math.floor(pool.clock.now() / 1_000)
const alone = () => pool.clock.advance(OFFLINE_AFTER_MS)

test('an offline ticket opens its space, for reading, once the tracker was away for ten minutes', async () => {
  const ticket = pool.offlineTicket(alice)
  pool.clock.advance(OFFLINE_AFTER_MS - 1_000)
  await expect(present(ticket)).rejects.toMatchObject({ code: 'denied', facts: { wait: 1 } })
  await expect(read()).rejects.toThrow(DeniedError)
  pool.clock.advance(1_000)
  await expect(read()).rejects.toThrow(DeniedError)
  await present(ticket)
  expect(await read()).toBe(toHex(shard.bytes))
  expect(await stat()).toEqual([true, false, false, false])
  for (const one of [other, unknown, testShard(9)]) await expect(read(one)).rejects.toThrow(DeniedError)
  const put = call(connection, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes)
  await expect(put).rejects.toThrow(DeniedError)
})

test('it counts no more as soon as the tracker is heard of, and again when that is long ago', async () => {
  alone()
  await present(pool.offlineTicket(alice))
  await read()
  provider.provider.state.offline.heard()
  await expect(read()).rejects.toMatchObject({ code: 'denied', facts: { wait: OFFLINE_AFTER_MS / 1_000 } })
  await expect(stat()).rejects.toThrow(DeniedError)
  // The tracker's own ticket counts on the same connection.
  await call(connection, presentTicket, { ticket: pool.ticket(alice, provider, TICKET_READ, [shard]) })
  expect(await read()).toBe(toHex(shard.bytes))
  alone()
  expect(await read()).toBe(toHex(shard.bytes))
})

test('a stolen, forged, expired or too long one is refused', async () => {
  alone()
  const thief = await pool.client('mallory').connect(provider)
  await expect(present(pool.offlineTicket(alice), thief)).rejects.toThrow(DeniedError)
  await expect(present(pool.offlineTicket(alice, {}, seedOf('somebody')))).rejects.toThrow(UntrustedError)
  // A signature for another tag, over bytes of the right form and the other way round.
  const [body] = pool.offlineTicket(alice)
  const [, signature] = pool.ticket(alice, provider, TICKET_READ, [shard])
  await expect(present([body, signature])).rejects.toThrow(UntrustedError)
  await expect(call(connection, presentTicket, { ticket: pool.offlineTicket(alice) })).rejects.toThrow(
    UntrustedError,
  )
  for (const notAfter of [
    seconds() - CLOCK_SKEW_SECONDS - 1,
    seconds() + MAX_OFFLINE_TICKET_SECONDS + CLOCK_SKEW_SECONDS + 1,
  ])
    await expect(present(pool.offlineTicket(alice, { notAfter }))).rejects.toThrow(DeniedError)
  await expect(read()).rejects.toThrow(DeniedError)
  await present(pool.offlineTicket(alice, { notAfter: seconds() + 10 }))
  await read()
  pool.clock.advance((11 + CLOCK_SKEW_SECONDS) * 1_000)
  await expect(read()).rejects.toThrow(DeniedError)
})

test('it is for one connection, and a connection keeps the newest spaces', async () => {
  alone()
  await present(pool.offlineTicket(alice))
  await expect(read(shard, await alice.connect(provider))).rejects.toThrow(DeniedError)
  for (let i = 0; i < 64; i++) await present(pool.offlineTicket(alice, { space: seedOf(`space ${i}`) }))
  await expect(read()).rejects.toThrow(DeniedError)
  await present(pool.offlineTicket(alice))
  await read()
})

test('a read by ticket tells the space of a shard that came before there were spaces; a freed shard is forgotten', async () => {
  await call(connection, presentTicket, { ticket: pool.ticket(alice, provider, TICKET_READ, [unknown]) })
  await read(unknown)
  alone()
  const offline = await alice.connect(provider)
  await present(pool.offlineTicket(alice), offline)
  expect(await read(unknown, offline)).toBe(toHex(unknown.bytes))
  provider.provider.state.offline.gone([unknown.id])
  await expect(read(unknown, offline)).rejects.toThrow(DeniedError)
})

test('a shard is stored and read although its space could not be kept', async () => {
  const failed: string[] = []
  const broken = await pool.provider('p2', {
    spaces: {
      add() {
        throw new BrokenSpaces('no space')
      },
      has: () => false,
      stripes: () => [],
      forget() {},
      close() {},
    },
    logger: { debug() {}, info() {}, error() {}, warn: (_, text) => void failed.push(text) },
  })
  const writer = await pool.connected(alice, broken, TICKET_WRITE, [shard])
  await call(writer, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes)
  const reader = await pool.connected(alice, broken, TICKET_READ, [shard])
  expect(await read(shard, reader)).toBe(toHex(shard.bytes))
  expect(failed).toHaveLength(2)
})

class BrokenSpaces extends AllmendError {
  readonly code = 'capacity'
  readonly policy = 'stop'
}
