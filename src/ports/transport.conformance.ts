/** What every adapter of the transport port promises; a new adapter's test calls this with its set-up. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  BusyError,
  CancelledError,
  DeniedError,
  InternalError,
  NotFoundError,
  UnreachableError,
  UntrustedError,
  UsageError,
} from '../core/open/errors.ts'
import type { Connection, IncomingRequest, Listener, ListenOptions, Message, Transport } from './transport.ts'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES } from './transport.ts'

export interface TransportSetup {
  /** A node whose key depends on `name`; small budgets hold one largest body in each direction. */
  node(name: string, options?: { smallBudgets?: boolean; connectionsPerPeer?: number }): Promise<Transport>
  /** Where to listen, the port left open. */
  readonly address: string
  peerId(publicKey: Uint8Array): Uint8Array
}

const EMPTY = new Uint8Array(0)
/** Requests with large bodies that a connection is given at once: several times what budgets hold. */
const LARGE_AT_ONCE = 6
const ECHO = 1
const FAIL = 2
const HANG = 3

/** Bytes that differ by seed and place. */
function pattern(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length)
  let state = (seed * 2_654_435_761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    out[i] = state >>> 24
  }
  return out
}

function echo(request: IncomingRequest): Promise<Message> {
  return Promise.resolve({ head: request.head, body: request.body })
}

async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it should have failed')
}

/** Registers the conformance tests of one adapter. */
export function transportConformance(name: string, setup: () => Promise<TransportSetup>): void {
  describe(`${name} keeps the promises of the transport port`, () => {
    let made: TransportSetup
    let nodes: Transport[] = []

    beforeEach(async () => {
      made = await setup()
      nodes = []
    })
    afterEach(async () => {
      await Promise.all(nodes.map((node) => node.close()))
    })

    async function node(...of: Parameters<TransportSetup['node']>): Promise<Transport> {
      const transport = await made.node(...of)
      nodes.push(transport)
      return transport
    }

    async function pair(
      options: Partial<ListenOptions> = {},
    ): Promise<{ alice: Transport; bob: Transport; listener: Listener; dial: () => Promise<Connection> }> {
      const [alice, bob] = [await node('alice'), await node('bob')]
      const listener = await bob.listen({ address: made.address, handler: echo, ...options })
      const dial = (): Promise<Connection> => alice.dial(listener.address, made.peerId(bob.publicKey))
      return { alice, bob, listener, dial }
    }

    it('shows each side the key of the other', async () => {
      const seen = Promise.withResolvers<Connection>()
      let sender: Uint8Array = EMPTY
      const { alice, bob, dial } = await pair({
        handler: (request) => {
          sender = request.peerKey
          return echo(request)
        },
        onConnection: (connection) => seen.resolve(connection),
      })
      const connection = await dial()
      await connection.request(ECHO, { head: EMPTY, body: EMPTY })
      expect([...sender]).toEqual([...alice.publicKey])
      expect([...connection.peerKey]).toEqual([...bob.publicKey])
      expect([...(await seen.promise).peerKey]).toEqual([...alice.publicKey])
    })

    it('connects to nobody but the peer that was named', async () => {
      let requests = 0
      const { alice, listener } = await pair({
        handler: (request) => {
          requests++
          return echo(request)
        },
      })
      const stranger = await node('stranger')
      const error = await caught(alice.dial(listener.address, made.peerId(stranger.publicKey)))
      expect(error).toBeInstanceOf(UntrustedError)
      expect(error).toMatchObject({ policy: 'blame-peer' })
      expect(requests).toBe(0)
    })

    it('fails as unreachable where nobody listens, and stops when told to', async () => {
      const { alice, bob, listener } = await pair()
      await listener.close()
      expect(await caught(alice.dial(listener.address, made.peerId(bob.publicKey)))).toBeInstanceOf(
        UnreachableError,
      )
      const options = { signal: AbortSignal.abort() }
      expect(await caught(alice.dial(listener.address, made.peerId(bob.publicKey), options))).toBeInstanceOf(
        CancelledError,
      )
    })

    it('refuses whom the listener does not admit', async () => {
      const { dial } = await pair({ admit: () => false })
      expect(await caught(dial())).toBeInstanceOf(DeniedError)
    })

    it('carries heads and bodies of every size, up to the limits', async () => {
      const connection = await (await pair()).dial()
      const sizes = [0, 1, 1000, 65_535, 65_536, 65_537, 131_072, 1_000_003, MAX_BODY_BYTES]
      for (const head of [0, 1, MAX_HEAD_BYTES]) {
        for (const body of sizes) {
          const message = { head: pattern(head, 3), body: pattern(body, body + 7) }
          const answer = await connection.request(ECHO, message)
          expect(Buffer.compare(answer.head, message.head)).toBe(0)
          expect(Buffer.compare(answer.body, message.body)).toBe(0)
        }
      }
      const tooLong = [
        { head: EMPTY, body: new Uint8Array(MAX_BODY_BYTES + 1) },
        { head: new Uint8Array(MAX_HEAD_BYTES + 1), body: EMPTY },
      ]
      for (const message of tooLong) {
        expect(await caught(connection.request(ECHO, message))).toBeInstanceOf(UsageError)
      }
      expect(await caught(connection.request(65_536, { head: EMPTY, body: EMPTY }))).toBeInstanceOf(
        UsageError,
      )
    })

    it('answers many requests at once, both ways, each with its own answer', async () => {
      const accepted = Promise.withResolvers<Connection>()
      const { alice, bob, listener } = await pair({ onConnection: accepted.resolve })
      const there = await alice.dial(listener.address, made.peerId(bob.publicKey), { handler: echo })
      const back = await accepted.promise
      const jobs = Array.from({ length: 600 }, async (_, i) => {
        const message = { head: pattern(i % 300, i), body: pattern((i * 7919) % 90_000, i) }
        const answer = await (i % 2 === 0 ? there : back).request(i, message)
        return (
          Buffer.compare(answer.head, message.head) === 0 && Buffer.compare(answer.body, message.body) === 0
        )
      })
      expect((await Promise.all(jobs)).every(Boolean)).toBe(true)
    })

    it('refuses requests to a side without a handler', async () => {
      const accepted = Promise.withResolvers<Connection>()
      const { dial } = await pair({ onConnection: accepted.resolve })
      await dial()
      const error = await caught((await accepted.promise).request(ECHO, { head: EMPTY, body: EMPTY }))
      expect(error).toBeInstanceOf(DeniedError)
    })

    it('hands typed errors back, and of a fault only that there was one', async () => {
      const { dial } = await pair({
        handler: (request) => {
          if (request.method !== FAIL)
            throw new NotFoundError('no such shard', { shard: EMPTY, tries: 2, gone: true, at: 'x' })
          return Promise.reject(new TypeError('secret detail'))
        },
      })
      const connection = await dial()
      const error = await caught(connection.request(ECHO, { head: EMPTY, body: EMPTY }))
      expect(error).toBeInstanceOf(NotFoundError)
      expect(error).toMatchObject({ message: 'no such shard', facts: { tries: 2, gone: true, at: 'x' } })
      const fault = await caught(connection.request(FAIL, { head: EMPTY, body: EMPTY }))
      expect(fault).toBeInstanceOf(InternalError)
      expect(String(fault)).not.toContain('secret')
    })

    it('cancels: the caller is free at once, the handler is told, the connection goes on', async () => {
      const running = Promise.withResolvers<AbortSignal>()
      const { dial } = await pair({
        handler: async (request) => {
          if (request.method !== HANG) return echo(request)
          running.resolve(request.signal)
          await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
          return echo(request)
        },
      })
      const connection = await dial()
      const controller = new AbortController()
      const hanging = caught(
        connection.request(HANG, { head: EMPTY, body: EMPTY }, { signal: controller.signal }),
      )
      const signal = await running.promise
      controller.abort()
      expect(await hanging).toBeInstanceOf(CancelledError)
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      const again = connection.request(HANG, { head: EMPTY, body: EMPTY }, { signal: AbortSignal.abort() })
      expect(await caught(again)).toBeInstanceOf(CancelledError)
      for (let i = 0; i < 20; i++) {
        const half = new AbortController()
        const body = new Uint8Array(MAX_BODY_BYTES)
        const onSent = (): void => half.abort()
        const cut = connection.request(ECHO, { head: EMPTY, body }, { signal: half.signal, onSent })
        expect(await caught(cut)).toBeInstanceOf(CancelledError)
      }
      const last = await connection.request(ECHO, { head: EMPTY, body: pattern(200_000) })
      expect(Buffer.compare(last.body, pattern(200_000))).toBe(0)
    })

    it('gives up on an answer that does not come in time, retryably', async () => {
      const { dial } = await pair({
        handler: (request) => (request.method === HANG ? new Promise<Message>(() => {}) : echo(request)),
      })
      const connection = await dial()
      const error = await caught(connection.request(HANG, { head: EMPTY, body: EMPTY }, { timeoutMs: 20 }))
      expect(error).toBeInstanceOf(UnreachableError)
      expect(error).toMatchObject({ policy: 'retry' })
      await connection.request(ECHO, { head: EMPTY, body: EMPTY })
    })

    it('fails what is outstanding when a side closes, and can be dialled again', async () => {
      const accepted = Promise.withResolvers<Connection>()
      const running = Promise.withResolvers<AbortSignal>()
      const { dial } = await pair({
        onConnection: accepted.resolve,
        handler: (request) => {
          if (request.method !== HANG) return echo(request)
          running.resolve(request.signal)
          return new Promise<Message>(() => {})
        },
      })
      const connection = await dial()
      const outstanding = caught(connection.request(HANG, { head: EMPTY, body: EMPTY }))
      const signal = await running.promise
      await (await accepted.promise).close()
      expect(await outstanding).toMatchObject({ code: 'unreachable', policy: 'retry' })
      expect(signal.aborted).toBe(true)
      expect(await connection.closed).toBeInstanceOf(UnreachableError)
      expect(await caught(connection.request(ECHO, { head: EMPTY, body: EMPTY }))).toBeInstanceOf(
        UnreachableError,
      )
      const next = await dial()
      expect((await next.request(ECHO, { head: pattern(9), body: EMPTY })).head.length).toBe(9)
      await next.close()
      expect(await next.closed).toBeUndefined()
    })

    it('ends a listener with its connections, and frees its address', async () => {
      const { bob, listener, dial } = await pair()
      const connection = await dial()
      await listener.close()
      expect(await connection.closed).toBeInstanceOf(UnreachableError)
      const again = await bob.listen({ address: listener.address, handler: echo })
      expect(again.address).toBe(listener.address)
      await (await dial()).request(ECHO, { head: EMPTY, body: EMPTY })
    })

    it('holds bodies to the limit of their method', async () => {
      const { dial } = await pair({ maxBodyBytes: (method) => (method === ECHO ? 100_000 : 10) })
      const connection = await dial()
      await connection.request(ECHO, { head: EMPTY, body: new Uint8Array(100_000) })
      for (const [method, length] of [
        [ECHO, 100_001],
        [FAIL, 11],
      ] as const) {
        const error = await caught(connection.request(method, { head: EMPTY, body: new Uint8Array(length) }))
        expect(error).toBeInstanceOf(UsageError)
      }
      await connection.request(FAIL, { head: EMPTY, body: new Uint8Array(10) })
    })

    it('frees bodies after their handler and answers once sent where told to, not from under the answer', async () => {
      const kept: Uint8Array[] = []
      const { dial } = await pair({
        freeBodies: true,
        handler: (request) => {
          kept.push(request.body)
          return request.method === ECHO ? echo(request) : Promise.resolve({ head: EMPTY, body: EMPTY })
        },
      })
      const connection = await dial()
      const body = pattern(1_000_000)
      const answer = await connection.request(ECHO, { head: EMPTY, body })
      expect(Buffer.compare(answer.body, body)).toBe(0)
      await connection.request(FAIL, { head: EMPTY, body })
      expect(kept[1]?.length).toBe(0)
      // The listener learns a little later than the dialler that an answer is sent.
      await vi.waitFor(() => expect(kept[0]?.length).toBe(0))
    })

    it('tells how much of a body was handed to the network, rising to all of it', async () => {
      const connection = await (await pair()).dial()
      for (const length of [0, 50_000, 3_000_000]) {
        const sent: number[] = []
        const body = new Uint8Array(length)
        await connection.request(ECHO, { head: EMPTY, body }, { onSent: (bytes) => sent.push(bytes) })
        expect(sent).toEqual([...sent].sort((a, b) => a - b))
        expect(sent.at(-1)).toBe(length)
      }
    })

    it('tells how much of an answer is here, rising to all of it', async () => {
      const connection = await (await pair()).dial()
      for (const length of [50_000, 3_000_000]) {
        const received: number[] = []
        const body = new Uint8Array(length)
        const onReceived = (bytes: number): number => received.push(bytes)
        await connection.request(ECHO, { head: EMPTY, body }, { onReceived, expectBodyBytes: length })
        expect(received).toEqual(received.toSorted((a, b) => a - b))
        // A small body comes in one piece, with the answer itself.
        expect(received.at(-1)).toBe(length > 65_536 ? length : undefined)
      }
    })

    it('lets small requests past large bodies', async () => {
      const connection = await (await pair()).dial()
      let large = 0
      const bulk = Array.from({ length: LARGE_AT_ONCE }, async () => {
        await connection.request(ECHO, { head: EMPTY, body: new Uint8Array(MAX_BODY_BYTES) })
        large++
      })
      await connection.request(FAIL, { head: EMPTY, body: EMPTY })
      expect(large).toBeLessThan(LARGE_AT_ONCE)
      await Promise.all(bulk)
    })

    it('does not deadlock when both sides send large requests and answers on small budgets', async () => {
      const [alice, bob] = [
        await node('alice', { smallBudgets: true }),
        await node('bob', { smallBudgets: true }),
      ]
      const accepted: Connection[] = []
      const listener = await bob.listen({
        address: made.address,
        handler: echo,
        onConnection: (connection) => accepted.push(connection),
      })
      const id = made.peerId(bob.publicKey)
      const dialled = [
        await alice.dial(listener.address, id, { handler: echo }),
        await alice.dial(listener.address, id, { handler: echo }),
      ]
      await Promise.all(dialled.map((connection) => connection.request(ECHO, { head: EMPTY, body: EMPTY })))
      const body = pattern(3_000_000)
      const jobs = [...dialled, ...accepted].flatMap((connection) =>
        Array.from({ length: LARGE_AT_ONCE }, async (_, i) => {
          const options = { timeoutMs: 55_000, expectBodyBytes: i % 2 === 0 ? body.length : 0 }
          const answer = await connection.request(ECHO, { head: EMPTY, body }, options)
          return Buffer.compare(answer.body, body)
        }),
      )
      expect(await Promise.all(jobs)).toEqual(jobs.map(() => 0))
    })

    it('caps the connections of one peer without harm to those that it has', async () => {
      const alice = await node('alice')
      const bob = await node('bob', { connectionsPerPeer: 2 })
      const listener = await bob.listen({ address: made.address, handler: echo })
      const dial = (): Promise<Connection> => alice.dial(listener.address, made.peerId(bob.publicKey))
      const [first, second] = [await dial(), await dial()]
      const error = await caught(dial())
      expect(error).toBeInstanceOf(BusyError)
      expect(error).toMatchObject({ policy: 'retry' })
      await first.request(ECHO, { head: EMPTY, body: EMPTY })
      await second.close()
    })
  })
}
