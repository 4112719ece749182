import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blobOf, ProviderPool, shardOf, testShard } from '../../../test/fixtures/provider-pool.ts'
import type { TestClient, TestProvider, TestShard } from '../../../test/fixtures/provider-pool.ts'
import { MemoryShardStore } from '../../adapters/memory/memory-shard-store.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { concatBytes, toHex, utf8 } from '../../core/open/bytes.ts'
import { encodeDataShard } from '../../core/open/stripes/data-shard.ts'
import { CapacityError, DeniedError, MalformedError, UntrustedError } from '../../core/open/errors.ts'
import type { Ticket } from '../../core/open/objects/ticket.ts'
import { TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY } from '../../core/open/objects/ticket.ts'
import { presentTicket, putShard, readShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'

let pool: ProviderPool
let provider: TestProvider
let alice: TestClient

beforeEach(async () => {
  pool = new ProviderPool()
  provider = await pool.provider('p1')
  alice = pool.client('alice')
})
afterEach(() => pool.close())

async function put(
  shard: TestShard,
  { index = 0, k = 4, kind = TICKET_WRITE, body = shard.bytes }: Partial<PutOptions> = {},
): Promise<void> {
  const connection = await pool.connected(alice, provider, kind, [shard])
  await call(connection, putShard, { shard: shard.id, index, k }, body)
}
interface PutOptions {
  readonly index: number
  readonly k: number
  readonly kind: Ticket['kind']
  readonly body: Uint8Array
}
const held = (shard: TestShard): boolean => provider.store.stat(shard.id) !== undefined

describe('put-shard', () => {
  it('stores a verified data shard, and a parity shard as it is', async () => {
    const data = testShard(1)
    const parity = shardOf(Uint8Array.from({ length: 50_000 }, (_, i) => i & 255))
    await put(data)
    await put(parity, { index: 5, kind: TICKET_WRITE_PARITY })
    const connection = await pool.connected(alice, provider, TICKET_READ, [data, parity])
    for (const { id, bytes } of [data, parity]) {
      const { body } = await call(connection, readShard, { shard: id, ranges: [] })
      expect(toHex(body)).toBe(toHex(bytes))
    }
    const { value } = await call(connection, statShards, { shards: [parity.id, data.id] })
    expect(value.present).toEqual([true, true])
  })

  it('takes copies (k = 1) as data shards', async () => {
    const data = testShard(1)
    await put(data, { index: 2, k: 1 })
    expect(held(data)).toBe(true)
  })

  it('is idempotent', async () => {
    const data = testShard(1)
    await put(data)
    const { used, shards } = provider.store.usage()
    await put(data)
    expect(provider.store.usage()).toMatchObject({ used, shards })
  })

  it('refuses bytes under the id of another blob (attack 22)', async () => {
    const victim = blobOf(utf8('what the victim stores'))
    const planted = shardOf(
      encodeDataShard([blobOf(utf8('harmless')), { id: victim.id, bytes: utf8('what the attacker stores') }]),
    )
    await expect(put(planted)).rejects.toThrow(UntrustedError)
    expect(held(planted)).toBe(false)
  })

  it('lets nobody pass a data shard off as parity: the ticket says what it is (attack 22)', async () => {
    const victim = blobOf(utf8('what the victim stores'))
    const planted = shardOf(encodeDataShard([{ id: victim.id, bytes: utf8('what the attacker stores') }]))
    await expect(put(planted, { index: 4, k: 4 })).rejects.toThrow(UntrustedError)
    await expect(put(planted, { index: 0, kind: TICKET_WRITE_PARITY })).rejects.toThrow(UntrustedError)
    expect(held(planted)).toBe(false)
  })

  it('refuses a data shard that is no data shard', async () => {
    for (const bytes of [
      utf8('garbage'),
      new Uint8Array(0),
      concatBytes(testShard(1).bytes, Uint8Array.of(0)),
    ]) {
      await expect(put(shardOf(bytes))).rejects.toThrow(MalformedError)
    }
  })

  it('refuses bytes that are not the shard’s', async () => {
    const parity = shardOf(new Uint8Array(40_000).fill(1))
    const flipped = parity.bytes.slice()
    flipped[20_000]! ^= 1
    await expect(put(parity, { index: 4, kind: TICKET_WRITE_PARITY, body: flipped })).rejects.toThrow(
      UntrustedError,
    )
    const data = testShard(1)
    const other = testShard(2)
    await expect(put(data, { body: other.bytes })).rejects.toThrow(UntrustedError)
    expect(held(parity) || held(data) || held(other)).toBe(false)
  })

  it('refuses another length than the ticket’s', async () => {
    const parity = shardOf(new Uint8Array(40_000).fill(1))
    const body = parity.bytes.subarray(1)
    await expect(put(parity, { index: 4, kind: TICKET_WRITE_PARITY, body })).rejects.toThrow(DeniedError)
  })

  it('says when it is full, and stays usable', async () => {
    const small = testShard(1, 1, 10_000)
    provider = await pool.provider('p2', { capacity: 30_000 })
    await expect(put(testShard(2, 2, 20_000))).rejects.toThrow(CapacityError)
    await put(small)
    expect(held(small)).toBe(true)
  })

  it('compacts before it says that it is full', async () => {
    const inner = new MemoryShardStore(nodePrimitives, 64 * 1024 * 1024)
    let garbage = 100_000
    const store = new Proxy(inner, {
      get(target, name) {
        if (name === 'usage') return () => ({ ...target.usage(), live: 0, used: garbage })
        if (name === 'compact')
          return () => {
            const reclaimedBytes = garbage
            garbage = 0
            return Promise.resolve({ reclaimedBytes })
          }
        if (name === 'put' && garbage > 0) return () => Promise.reject(new CapacityError('full'))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    provider = await pool.provider('p3', { store })
    await put(testShard(1))
    expect(inner.usage().shards).toBe(1)
  })

  it('takes many shards at once in bounded memory', async () => {
    const shards = Array.from({ length: 40 }, (_, i) => testShard(i, 2, 500_000))
    const connection = await alice.connect(provider)
    await call(connection, presentTicket, { ticket: pool.ticket(alice, provider, TICKET_WRITE, shards) })
    await Promise.all(
      shards.map(({ id, bytes }) => call(connection, putShard, { shard: id, index: 0, k: 1 }, bytes)),
    )
    expect(shards.every(held)).toBe(true)
    expect(provider.provider.state.intake.idle).toBe(true)
  })

  it('a cancelled put that waits for its turn is not stored', async () => {
    const shard = testShard(1)
    const connection: Connection = await pool.connected(alice, provider, TICKET_WRITE, [shard])
    const all = provider.provider.state.intake.reserve(64 * 1024 * 1024, () => {})
    const abort = new AbortController()
    const outcome = call(connection, putShard, { shard: shard.id, index: 0, k: 1 }, shard.bytes, {
      signal: abort.signal,
    })
    const refused = expect(outcome).rejects.toMatchObject({ code: 'cancelled' })
    abort.abort()
    await refused
    all.release()
    await put(testShard(2))
    expect(held(shard)).toBe(false)
  })
})
