import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProviderPool, testShard } from '../../test/fixtures/provider-pool.ts'
import { AllmendError } from '../core/open/errors.ts'
import { TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY } from '../core/open/objects/ticket.ts'
import { presentTicket, putShard, readShard, statShards } from '../core/open/protocol/provider-methods.ts'
import type { Connection, Message } from '../ports/transport.ts'

const RUNS = Number(process.env.ALLMEND_FUZZ_RUNS ?? 10_000)

describe('fuzz: a provider’s routes', () => {
  it('answer any request with a well-formed message or a typed error, and store nothing false', async () => {
    const pool = new ProviderPool()
    const target = await pool.provider('p1')
    const alice = pool.client('alice')
    const shard = testShard(1, 2, 300)
    await target.store.put(shard.id, shard.bytes)
    const connection = await alice.connect(target)
    const ends = new Promise<undefined>(() => {})
    // Rights are held for this connection as the provider would see it.
    const seen: Connection = { ...connection, peerKey: alice.netKey, closed: ends }
    const tickets = ([TICKET_READ, TICKET_WRITE, TICKET_WRITE_PARITY] as const).map((kind) =>
      pool.ticket(alice, target, kind, [shard]),
    )
    const routes = new Map(target.provider.routes.map((route) => [route.id, route]))
    const serve = (method: number, message: Message): Promise<Message> =>
      routes.get(method)!.serve({
        ...message,
        method,
        peerKey: alice.netKey,
        connection: seen,
        signal: new AbortController().signal,
      })
    for (const ticket of tickets)
      await serve(presentTicket.id, {
        head: presentTicket.request.encode({ ticket }),
        body: new Uint8Array(0),
      })

    const examples: readonly (readonly [method: number, head: Uint8Array])[] = [
      ...tickets.map((ticket) => [presentTicket.id, presentTicket.request.encode({ ticket })] as const),
      [putShard.id, putShard.request.encode({ shard: shard.id, index: 0, k: 4 })],
      [putShard.id, putShard.request.encode({ shard: shard.id, index: 4, k: 4 })],
      [
        readShard.id,
        readShard.request.encode({
          shard: shard.id,
          ranges: [
            [0, 10],
            [20, 300],
          ],
        }),
      ],
      [statShards.id, statShards.request.encode({ shards: [shard.id] })],
    ]
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })
    const edited = (bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array => {
      const out = bytes.slice()
      for (const [at, value] of changes) out[at % out.length] = value
      return out
    }
    const request = fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.constantFrom(...examples), edits)
          .map(([[id, head], e]) => [id, edited(head, e)] as const),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constantFrom(...routes.keys()),
          fc.uint8Array({ minLength: 1, maxLength: 80 }),
        ),
      },
    )
    const body = fc.oneof(
      edits.map((e) => edited(shard.bytes, e)),
      fc.uint8Array({ maxLength: 60 }),
    )
    await fc.assert(
      fc.asyncProperty(request, body, async ([method, head], bytes) => {
        try {
          await serve(method, { head, body: bytes })
        } catch (error) {
          if (!(error instanceof AllmendError)) throw error
          expect(error.code).not.toBe('internal')
        }
      }),
      { numRuns: RUNS },
    )
    expect(target.store.usage().shards).toBe(1)
    expect(target.provider.state.intake.idle).toBe(true)
    await pool.close()
  })
})
