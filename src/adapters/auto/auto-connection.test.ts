import { beforeEach, describe, expect, it } from 'vitest'
import { CancelledError, UnreachableError } from '../../core/open/errors.ts'
import type { Connection, Message, RequestOptions } from '../../ports/transport.ts'
import { ManualClock } from '../wire/manual-clock.ts'
import { AutoConnection } from './auto-connection.ts'
import type { Way } from './path-memory.ts'
import { PathMemory } from './path-memory.ts'
import { PathMeter } from './path-meter.ts'

const peerId = new Uint8Array(32).fill(1)
const SHARD = 4 * 1024 * 1024

interface Asked {
  readonly options: RequestOptions
  readonly answer: (message: Message) => void
}

let clock: ManualClock
let memory: PathMemory
let asked: Asked[]
beforeEach(() => {
  clock = new ManualClock()
  memory = new PathMemory(clock)
  memory.roundTrip(peerId, 'tls', 50)
  asked = []
})

/** Requests wait until the test answers them. */
function connect(way: Way, meter = new PathMeter(memory, peerId, way, clock)): AutoConnection {
  const inner: Connection = {
    peerKey: new Uint8Array(32),
    remoteAddress: '192.0.2.1:1',
    closed: new Promise(() => {}),
    request: (_method, _message, options = {}) =>
      new Promise((resolve, reject) => {
        const stop = (): void => reject(new CancelledError('cancelled by the caller'))
        options.signal?.addEventListener('abort', stop, { once: true })
        asked.push({ options, answer: resolve })
      }),
    close: () => Promise.resolve(),
  }
  memory.connected(peerId, way)
  const connection = new AutoConnection({ inner, way, peerId, memory, meter, clock })
  meter.join(connection)
  return connection
}

const none = new Uint8Array(0)
function send(connection: AutoConnection, signal?: AbortSignal): Promise<unknown> {
  const message = { head: none, body: new Uint8Array(SHARD) }
  const options = { isMovable: true, ...(signal === undefined ? {} : { signal }) }
  const outcome = connection.request(1, message, options)
  return outcome.catch((error: unknown) => error)
}

/** A body moves so many bytes, after two seconds. */
function crawl(index: number, bytes: number): void {
  clock.advance(2000)
  asked[index]!.options.onSent?.(bytes)
}

describe('AutoConnection', () => {
  it('leaves TLS that crawls while bodies are on their way, and gives back what would take long', async () => {
    const connection = connect('tls')
    const [first, second] = [send(connection), send(connection)]
    crawl(0, SHARD / 8)
    expect(connection.retiring).toBe(true)
    for (const outcome of [await first, await second]) {
      expect(outcome).toBeInstanceOf(UnreachableError)
      expect(outcome).toMatchObject({ facts: { networkChanged: true } })
    }
    expect(memory.order(peerId).first).toBe('udp')
  })

  it('gives back what it is to receive, too', async () => {
    const connection = connect('tls')
    const ask = () =>
      connection
        .request(1, { head: none, body: none }, { expectBodyBytes: SHARD, isMovable: true })
        .catch((error: unknown) => error)
    const outcomes = [ask(), ask()]
    clock.advance(2000)
    asked[0]!.options.onReceived?.(SHARD / 8)
    expect(connection.retiring).toBe(true)
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ facts: { networkChanged: true } })
  })

  it('lets a body that is almost through arrive', async () => {
    const connection = connect('tls')
    const [first, second] = [send(connection), send(connection)]
    crawl(0, (SHARD * 7) / 8)
    expect(connection.retiring).toBe(true)
    expect(await second).toBeInstanceOf(UnreachableError)
    asked[0]!.answer({ head: none, body: none })
    expect(await first).toEqual({ head: none, body: none })
  })

  it('keeps no more than can be through soon, all bodies together', async () => {
    const connection = connect('tls')
    const outcomes = [send(connection), send(connection), send(connection)]
    for (const index of [0, 1]) asked[index]!.options.onSent?.((SHARD * 7) / 8)
    crawl(2, 1)
    expect(await outcomes[2]).toBeInstanceOf(UnreachableError)
    expect(asked.map(({ options }) => options.signal?.aborted)).toEqual([false, false, true])
    const more = connect('tls')
    const [first, ...others] = [send(more), send(more), send(more), send(more), send(more)]
    for (const { options } of asked.slice(3)) options.onSent?.((SHARD * 7) / 8)
    more.retire(SHARD / 4)
    for (const outcome of others) expect(await outcome).toBeInstanceOf(UnreachableError)
    expect(asked[3]!.options.signal?.aborted).toBe(false)
    asked[3]!.answer({ head: none, body: none })
    expect(await first).toEqual({ head: none, body: none })
  })

  it('begins nothing long once it was left', async () => {
    const connection = connect('tls')
    connection.retire(1000)
    expect(await send(connection)).toMatchObject({ facts: { networkChanged: true } })
    expect(asked).toEqual([])
  })

  it('gives nothing back to a caller who would not ask again', async () => {
    const connection = connect('tls')
    const outcome = connection.request(1, { head: none, body: new Uint8Array(SHARD) })
    crawl(0, 1)
    expect(connection.retiring).toBe(true)
    asked[0]!.answer({ head: none, body: none })
    expect(await outcome).toEqual({ head: none, body: none })
  })

  it('stays on TLS, however it crawls, where there is nothing else', async () => {
    const meter = new PathMeter(memory, peerId, 'tls', clock)
    meter.isOnly = true
    const connection = connect('tls', meter)
    const outcome = send(connection)
    for (let sent = 1; sent < 10; sent++) crawl(0, sent * 1000)
    expect(connection.retiring).toBe(false)
    asked[0]!.answer({ head: none, body: none })
    expect(await outcome).toEqual({ head: none, body: none })
  })

  it('stays on UDP until a body is over: it takes more than it has sent', async () => {
    const connection = connect('udp')
    const outcome = send(connection)
    crawl(0, SHARD / 8)
    expect(connection.retiring).toBe(false)
    asked[0]!.answer({ head: none, body: none })
    await outcome
    expect(memory.known(peerId)?.goodput).toBe(SHARD / 2)
  })

  it('is measured together with the others to its peer, and retires with them', async () => {
    const meter = new PathMeter(memory, peerId, 'tls', clock)
    const both = [connect('tls', meter), connect('tls', meter)]
    const outcomes = both.map((connection) => send(connection))
    asked[1]!.options.onSent?.(SHARD / 8)
    crawl(0, SHARD / 8)
    expect(memory.known(peerId)?.goodput).toBe(SHARD / 8)
    expect(both.map(({ retiring }) => retiring)).toEqual([true, true])
    for (const outcome of outcomes) expect(await outcome).toBeInstanceOf(UnreachableError)
  })

  it('tells a caller who has stopped a request so', async () => {
    const stop = new AbortController()
    const outcome = send(connect('tls'), stop.signal)
    stop.abort()
    expect(await outcome).toBeInstanceOf(CancelledError)
  })
})
