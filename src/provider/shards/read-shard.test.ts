import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProviderPool, testShard } from '../../../test/fixtures/provider-pool.ts'
import type { TestClient, TestProvider } from '../../../test/fixtures/provider-pool.ts'
import { MemoryShardStore } from '../../adapters/memory/memory-shard-store.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { DamagedShardError, DeniedError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { TICKET_READ, TICKET_WRITE } from '../../core/open/objects/ticket.ts'
import { putShard, readShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import { DAMAGE_MISSING, DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'

const shard = testShard(1, 4, 30_000)
const absent = testShard(2)
let pool: ProviderPool
let provider: TestProvider
let store: MemoryShardStore
let alice: TestClient
let connection: Connection

beforeEach(async () => {
  pool = new ProviderPool()
  store = new MemoryShardStore(nodePrimitives, 64 * 1024 * 1024)
  provider = await pool.provider('p1', { store })
  await store.put(shard.id, shard.bytes)
  alice = pool.client('alice')
  connection = await pool.connected(alice, provider, TICKET_READ, [shard, absent])
})
afterEach(() => pool.close())

const read = (ranges: [number, number][], id = shard.id): Promise<Uint8Array> =>
  call(connection, readShard, { shard: id, ranges }).then(({ body }) => body)

describe('read-shard', () => {
  it('answers ranges one after the other, in the order asked, and all of it without any', async () => {
    expect(toHex(await read([]))).toBe(toHex(shard.bytes))
    const body = await read([
      [70_000, 5],
      [0, 3],
      [shard.bytes.length - 1, 1],
    ])
    expect(toHex(body)).toBe(
      toHex(shard.bytes.subarray(70_000, 70_005)) +
        toHex(shard.bytes.subarray(0, 3)) +
        toHex(shard.bytes.subarray(-1)),
    )
  })

  it('refuses ranges outside of the shard, and more than a shard in all', async () => {
    const { length } = shard.bytes
    await expect(read([[length, 1]])).rejects.toThrow(UsageError)
    await expect(read([[1, length]])).rejects.toThrow(UsageError)
    await expect(read(Array.from({ length: 40 }, () => [0, length] as [number, number]))).rejects.toThrow(
      UsageError,
    )
  })

  it('never answers with rotten bytes, and reports the damage', async () => {
    store.damage(shard.id, 33_000)
    await expect(read([[32_768, 10]])).rejects.toThrow(DamagedShardError)
    await expect(read([])).rejects.toThrow(DamagedShardError)
    expect(provider.provider.state.damage.pending(10)).toEqual([[shard.id, DAMAGE_WRONG]])
    const { value } = await call(connection, statShards, { shards: [shard.id] })
    expect(value.present).toEqual([false])
  })

  it('is whole again after another put', async () => {
    store.damage(shard.id, 33_000)
    await expect(read([])).rejects.toThrow(DamagedShardError)
    const writer = await pool.connected(alice, provider, TICKET_WRITE, [shard])
    await call(writer, putShard, { shard: shard.id, index: 0, k: 4 }, shard.bytes)
    expect(toHex(await read([]))).toBe(toHex(shard.bytes))
    expect(provider.provider.state.damage.pending(10)).toEqual([])
  })

  it('reports a shard that it should have and has not', async () => {
    await expect(read([], absent.id)).rejects.toThrow(NotFoundError)
    expect(provider.provider.state.damage.pending(10)).toEqual([[absent.id, DAMAGE_MISSING]])
  })
})

describe('stat-shards', () => {
  it('tells of shards with a ticket only', async () => {
    const { value } = await call(connection, statShards, { shards: [absent.id, shard.id] })
    expect(value.present).toEqual([false, true])
    await expect(call(connection, statShards, { shards: [testShard(9).id] })).rejects.toThrow(DeniedError)
  })
})
