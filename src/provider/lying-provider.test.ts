import { describe, expect, it } from 'vitest'
import type { Liar } from '../../test/fixtures/lying-provider.ts'
import { lyingRoutes } from '../../test/fixtures/lying-provider.ts'
import { ProviderPool, testShard } from '../../test/fixtures/provider-pool.ts'
import { nodePrimitives } from '../adapters/native/node-primitives.ts'
import { toHex } from '../core/open/bytes.ts'
import { verifyDataShard } from '../core/open/stripes/data-shard.ts'
import { AllmendError } from '../core/open/errors.ts'
import { shardId } from '../core/open/merkle.ts'
import { TICKET_READ } from '../core/open/objects/ticket.ts'
import { readShard } from '../core/open/protocol/provider-methods.ts'
import { call } from '../ports/rpc.ts'

describe('a lying provider (attack 26)', () => {
  it('is found out by whoever verifies, whatever the lie', async () => {
    const pool = new ProviderPool()
    const liar: Liar = { lie: undefined, lies: 0 }
    const provider = await pool.provider('liar', { wrap: (routes) => lyingRoutes(routes, liar) })
    const [one, two] = [testShard(1), testShard(2)]
    for (const { id, bytes } of [one, two]) await provider.store.put(id, bytes)
    const connection = await pool.connected(pool.client('alice'), provider, TICKET_READ, [one, two])
    const read = async (id: Uint8Array): Promise<Uint8Array> => {
      const { body } = await call(connection, readShard, { shard: id, ranges: [] })
      return body
    }
    expect(toHex(await read(two.id))).toBe(toHex(two.bytes))
    for (const lie of ['flip', 'cut', 'extend', 'other-shard', 'garbage'] as const) {
      liar.lie = undefined
      await read(two.id)
      liar.lie = lie
      const body = await read(one.id)
      expect(toHex(shardId(nodePrimitives.blake3, body)), lie).not.toBe(toHex(one.id))
      if (lie !== 'other-shard')
        expect(() => verifyDataShard(nodePrimitives, body), lie).toThrow(AllmendError)
    }
    liar.lie = 'bad-head'
    await expect(read(one.id)).rejects.toMatchObject({ code: 'malformed', policy: 'blame-peer' })
    liar.lie = 'stall'
    const abort = new AbortController()
    const stalled = call(connection, readShard, { shard: one.id, ranges: [] }, undefined, {
      signal: abort.signal,
    })
    const ended = expect(stalled).rejects.toMatchObject({ code: 'cancelled' })
    abort.abort()
    await ended
    await pool.close()
  })
})
