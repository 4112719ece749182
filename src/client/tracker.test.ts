import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../test/fixtures/manual-clock.ts'
import { BusyError, CancelledError, ConflictError, UnreachableError } from '../core/open/errors.ts'
import { describePool } from '../core/open/protocol/tracker-methods.ts'
import type { Clock } from '../ports/clock.ts'
import type { Connection, Message, Transport } from '../ports/transport.ts'
import type { TrackerParts } from './tracker.ts'
import { Tracker } from './tracker.ts'

const down = () => new UnreachableError('no answer')
const answer: Message = {
  head: describePool.response.encode({ logKey: new Uint8Array(32), time: 0 }),
  body: new Uint8Array(0),
}

/** Sleeps take no time but are noted; the clock moves by them. */
class NotingClock implements Clock {
  readonly pauses: number[] = []
  readonly #inner = new ManualClock()
  now = () => this.#inner.now()
  monotonic = () => this.#inner.monotonic()
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(new CancelledError('stopped while waiting'))
    this.pauses.push(ms)
    this.#inner.advance(ms)
    return Promise.resolve()
  }
}

/** A tracker that answers by `script`, one step for each dial or request, and then for ever. */
class Scripted implements Pick<Transport, 'dial'> {
  dials = 0
  closed = 0
  dialling: () => Promise<void> = () => Promise.resolve()
  answering: () => Promise<Message> = () => Promise.resolve(answer)

  async dial(): Promise<Connection> {
    this.dials++
    await this.dialling()
    const { promise, resolve } = Promise.withResolvers<void>()
    const connection: Partial<Connection> = {
      closed: promise as never,
      request: () => this.answering(),
      close: () => {
        this.closed++
        resolve()
        return Promise.resolve()
      },
    }
    return connection as Connection
  }
}

let clock: NotingClock
let net: Scripted
let byte: number

const parts = (): TrackerParts => ({
  transport: net as unknown as Transport,
  clock,
  random: { bytes: () => Uint8Array.of(byte) },
  tracker: { address: 'there:1', peerId: new Uint8Array(32) },
})
const tracker = () => new Tracker(parts())

beforeEach(() => {
  clock = new NotingClock()
  net = new Scripted()
  byte = 255
})

describe('the tracker as a client sees it', () => {
  test('pauses double up to two seconds, and a command gives up after twenty', async () => {
    net.dialling = () => Promise.reject(down())
    await expect(tracker().call(describePool, {})).rejects.toMatchObject({
      name: 'UnreachableError',
      facts: { address: 'there:1' },
    })
    expect(clock.pauses.slice(0, 6)).toEqual([125, 250, 500, 1_000, 2_000, 2_000])
    expect(clock.pauses.reduce((sum, ms) => sum + ms)).toBe(20_000)
    expect(net.dials).toBe(clock.pauses.length + 1)
  })

  test('a command that is told to wait less gives up sooner', async () => {
    net.dialling = () => Promise.reject(down())
    const impatient = new Tracker({ ...parts(), trackerWaitMs: 1_000 })
    await expect(impatient.call(describePool, {})).rejects.toBeInstanceOf(UnreachableError)
    expect(clock.pauses.reduce((sum, ms) => sum + ms)).toBe(1_000)
  })

  test('chance takes up to half of a pause', async () => {
    byte = 0
    net.dialling = () => Promise.reject(down())
    await expect(tracker().call(describePool, {})).rejects.toBeInstanceOf(UnreachableError)
    expect(clock.pauses.slice(0, 6)).toEqual([63, 125, 250, 500, 1_000, 1_000])
  })

  test('an answer lets pauses begin anew', async () => {
    const it = tracker()
    let failing = 3
    net.dialling = () => (failing-- > 0 ? Promise.reject(down()) : Promise.resolve())
    await it.call(describePool, {})
    expect(clock.pauses).toEqual([125, 250, 500])
    net.answering = () => {
      net.answering = () => Promise.resolve(answer)
      return Promise.reject(down())
    }
    await it.call(describePool, {})
    expect(clock.pauses).toEqual([125, 250, 500, 125])
  })

  test('many requests that fail with one connection dial once again, and close what they leave', async () => {
    const it = tracker()
    let failing = 10
    net.answering = () => (failing-- > 0 ? Promise.reject(down()) : Promise.resolve(answer))
    await Promise.all(Array.from({ length: 10 }, () => it.call(describePool, {})))
    expect(net.dials).toBe(2)
    expect(net.closed).toBe(1)
    expect(clock.pauses).toEqual(Array.from({ length: 10 }, () => 125))
  })

  test('a busy tracker is asked again over the same connection, less and less often', async () => {
    let failing = 3
    net.answering = () => (failing-- > 0 ? Promise.reject(new BusyError('busy')) : Promise.resolve(answer))
    await tracker().call(describePool, {})
    expect(net.dials).toBe(1)
    expect(clock.pauses).toEqual([125, 250, 500])
  })

  test('other refusals, a closed client and an aborted request end at once', async () => {
    const it = tracker()
    net.answering = () => Promise.reject(new ConflictError('no'))
    await expect(it.call(describePool, {})).rejects.toBeInstanceOf(ConflictError)
    net.answering = () => Promise.reject(down())
    const signal = AbortSignal.abort()
    await expect(it.call(describePool, {}, { signal })).rejects.toBeInstanceOf(CancelledError)
    await it.close()
    await expect(it.call(describePool, {})).rejects.toBeInstanceOf(UnreachableError)
    expect(clock.pauses).toEqual([])
  })
})
