import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProviderPool, seedOf, testShard } from '../../../test/fixtures/provider-pool.ts'
import type { TestClient, TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { DeniedError, MalformedError, UntrustedError } from '../../core/open/errors.ts'
import { signedBytes } from '../../core/open/hash.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { MAX_TICKET_SECONDS, TICKET_READ, TICKET_WRITE } from '../../core/open/objects/ticket.ts'
import { presentTicket, putShard, readShard } from '../../core/open/protocol/provider-methods.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import { CLOCK_SKEW_SECONDS } from './in-time.ts'

const shard = testShard(1)
let pool: ProviderPool
let provider: TestProvider
let alice: TestClient
let connection: Connection

beforeEach(async () => {
  pool = new ProviderPool()
  provider = await pool.provider('p1')
  alice = pool.client('alice')
  connection = await alice.connect(provider)
  await provider.store.put(shard.id, shard.bytes)
})
afterEach(() => pool.close())

const present = (ticket: Signed, on = connection): Promise<unknown> => call(on, presentTicket, { ticket })
const read = (on = connection): Promise<Uint8Array> =>
  call(on, readShard, { shard: shard.id, ranges: [] }).then(({ body }) => body)
const seconds = (): number => Math.floor(pool.clock.now() / 1_000)

describe('tickets', () => {
  it('no ticket, no data (attack 17)', async () => {
    await expect(read()).rejects.toThrow(DeniedError)
    await present(pool.ticket(alice, provider, TICKET_READ, [testShard(2)]))
    await expect(read()).rejects.toThrow(DeniedError)
  })

  it('a good ticket opens its shards on this connection', async () => {
    await present(pool.ticket(alice, provider, TICKET_READ, [shard, testShard(2)]))
    expect(await read()).toHaveLength(shard.bytes.length)
  })

  it('must be presented on every connection', async () => {
    await present(pool.ticket(alice, provider, TICKET_READ, [shard]))
    const other = await alice.connect(provider)
    await expect(read(other)).rejects.toThrow(DeniedError)
    expect(await read()).toHaveLength(shard.bytes.length)
  })

  it('a stolen ticket is worth nothing on another channel (attack 29)', async () => {
    const ticket = pool.ticket(alice, provider, TICKET_READ, [shard])
    await present(ticket)
    const thief = await pool.client('mallory').connect(provider)
    await expect(present(ticket, thief)).rejects.toThrow(DeniedError)
    await expect(read(thief)).rejects.toThrow(DeniedError)
  })

  it('a ticket for another provider is refused', async () => {
    const other = await pool.provider('p2')
    await expect(present(pool.ticket(alice, other, TICKET_READ, [shard]))).rejects.toThrow(DeniedError)
  })

  it('only the log key signs tickets, under this pool and this tag', async () => {
    const forged = pool.ticket(alice, provider, TICKET_READ, [shard], {}, seedOf('somebody'))
    await expect(present(forged)).rejects.toThrow(UntrustedError)
    const [body] = pool.ticket(alice, provider, TICKET_READ, [shard])
    const elsewhere = nodePrimitives.ed25519Sign(
      pool.logSeed,
      signedBytes('ticket', seedOf('other pool'), body),
    )
    await expect(present([body, elsewhere])).rejects.toThrow(UntrustedError)
    const otherTag = nodePrimitives.ed25519Sign(pool.logSeed, signedBytes('provider', pool.pool, body))
    await expect(present([body, otherTag])).rejects.toThrow(UntrustedError)
    const [changed, signature] = pool.ticket(alice, provider, TICKET_READ, [shard])
    changed[changed.length - 20]! ^= 1
    await expect(present([changed, signature])).rejects.toThrow(UntrustedError)
    const odd = Uint8Array.of(0xa1, 0x00, 0x01)
    const signed = nodePrimitives.ed25519Sign(pool.logSeed, signedBytes('ticket', pool.pool, odd))
    await expect(present([odd, signed])).rejects.toThrow(MalformedError)
    await expect(read()).rejects.toThrow(DeniedError)
  })

  it('expires, also between presenting and using it', async () => {
    const before = { notAfter: seconds() - CLOCK_SKEW_SECONDS - 1 }
    await expect(present(pool.ticket(alice, provider, TICKET_READ, [shard], before))).rejects.toThrow(
      DeniedError,
    )
    await present(pool.ticket(alice, provider, TICKET_READ, [shard], { notAfter: seconds() + 10 }))
    pool.clock.advance((10 + CLOCK_SKEW_SECONDS) * 1_000)
    expect(await read()).toHaveLength(shard.bytes.length)
    pool.clock.advance(1_000)
    await expect(read()).rejects.toThrow(/expired/)
  })

  it('is refused when it is good for longer than 15 minutes', async () => {
    const long = { notAfter: seconds() + MAX_TICKET_SECONDS + CLOCK_SKEW_SECONDS + 1 }
    await expect(present(pool.ticket(alice, provider, TICKET_READ, [shard], long))).rejects.toThrow(
      DeniedError,
    )
  })

  it('reading is not writing, nor the other way round', async () => {
    await present(pool.ticket(alice, provider, TICKET_READ, [shard]))
    await expect(
      call(connection, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes),
    ).rejects.toThrow(DeniedError)
    const writer = await pool.connected(alice, provider, TICKET_WRITE, [shard])
    await expect(read(writer)).rejects.toThrow(DeniedError)
  })

  it('are forgotten with their connection', async () => {
    await present(pool.ticket(alice, provider, TICKET_READ, [shard, testShard(2)]))
    expect(provider.provider.state.tickets.size).toBe(2)
    const second = await pool.connected(alice, provider, TICKET_READ, [shard])
    expect(provider.provider.state.tickets.size).toBe(3)
    await connection.close()
    // A later request on the other connection is answered after the provider saw the first one end.
    await read(second)
    await expect.poll(() => provider.provider.state.tickets.size).toBe(1)
  })
})
