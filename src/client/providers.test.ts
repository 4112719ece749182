import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../test/fixtures/manual-clock.ts'
import { CancelledError, UnreachableError } from '../core/open/errors.ts'
import type { AllmendError } from '../core/open/errors.ts'
import type { Signed } from '../core/open/objects/signed.ts'
import { presentTicket, statShards } from '../core/open/protocol/provider-methods.ts'
import type { ProviderView } from '../core/open/protocol/tracker-methods.ts'
import type { Connection, DialOptions, Message, Transport } from '../ports/transport.ts'
import { Providers } from './providers.ts'
import type { Tracker } from './tracker.ts'

const EMPTY = new Uint8Array(0)
const ticket: Signed = [EMPTY, new Uint8Array(64)]
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

/** A connection whose next answers are scripted: an error fails the request, as often as it is there. */
class Wire implements Partial<Connection> {
  retiring = false
  readonly fails: AllmendError[] = []
  asked = 0
  readonly closed = new Promise<undefined>(() => {})
  request(method: number): Promise<Message> {
    if (method === presentTicket.id)
      return Promise.resolve({ head: presentTicket.response.encode({}), body: EMPTY })
    this.asked++
    const error = this.fails.shift()
    if (error !== undefined) return Promise.reject(error)
    return Promise.resolve({ head: statShards.response.encode({ present: [true] }), body: EMPTY })
  }
}

let clock: ManualClock
let wires: Wire[]
let dials: number
let isUnreachable: boolean
/** Dials that don't end by themselves. */
let hangs: boolean
let providers: Providers
beforeEach(() => {
  clock = new ManualClock()
  wires = []
  dials = 0
  isUnreachable = hangs = false
  const dial = (_address: string, _id: Uint8Array, { signal }: DialOptions): Promise<Connection> => {
    dials++
    if (hangs)
      return new Promise((_, reject) => {
        signal!.addEventListener('abort', () => reject(new CancelledError('given up')))
      })
    if (isUnreachable) return Promise.reject(new UnreachableError('nobody answers'))
    const wire = new Wire()
    wires.push(wire)
    return Promise.resolve(wire as unknown as Connection)
  }
  providers = new Providers({ dial } as unknown as Transport, clock, {} as Tracker, () => {})
  providers.learn([1, 2].map((byte) => view(byte, true)))
})

function view(byte: number, up: boolean): ProviderView {
  return { id: fill(byte), address: `p${byte}:1`, up } as ProviderView
}

const ask = (byte = 1) => providers.call(fill(byte), ticket, statShards, { shards: [fill(9)] })

test('a connection that is to be replaced by a better one is used no more', async () => {
  await ask()
  await ask()
  wires[0]!.retiring = true
  await Promise.all([ask(), ask()])
  expect(wires.map(({ asked }) => asked)).toEqual([2, 2])
})

test('after a move of this machine the provider is asked again, and not shunned', async () => {
  await ask()
  wires[0]!.fails.push(new UnreachableError('the network changed', { networkChanged: true }))
  await ask()
  expect(providers.isShunned(fill(1))).toBe(false)
})

test('when nobody at all has answered for a while it is this machine that was cut off', async () => {
  await ask()
  clock.advance(2500)
  wires[0]!.fails.push(new UnreachableError('the peer is silent'))
  await ask()
  expect(providers.isShunned(fill(1))).toBe(false)
})

test('a provider that fails while others answer, or fails again, is shunned', async () => {
  await ask()
  clock.advance(2500)
  await ask(2)
  wires[0]!.fails.push(new UnreachableError('the peer is silent'))
  await expect(ask()).rejects.toThrow(UnreachableError)
  expect(providers.isShunned(fill(1))).toBe(true)

  clock.advance(2500)
  wires[1]!.fails.push(new UnreachableError('silent'), new UnreachableError('still silent'))
  await expect(ask(2)).rejects.toThrow('still silent')
  expect(providers.isShunned(fill(2))).toBe(true)
})

test('a provider that is down by the tracker’s word, too, is dialled once in a while, and at once when it is up again', async () => {
  isUnreachable = true
  const fails = () => expect(ask()).rejects.toThrow('nobody answers')
  await fails()
  await fails()
  expect(dials).toBe(2)
  providers.learn([view(1, false)])
  await fails()
  expect(dials).toBe(2)
  clock.advance(10_000)
  await fails()
  await fails()
  expect(dials).toBe(3)
  isUnreachable = false
  providers.learn([view(1, true)])
  await ask()
  expect(dials).toBe(4)
})

test('one that only an earlier process heard of is dialled once in a while as well', async () => {
  isUnreachable = true
  providers.remember([view(3, true)])
  for (let i = 0; i < 3; i++) await expect(ask(3)).rejects.toThrow('nobody answers')
  expect(dials).toBe(1)
  providers.learn([view(3, true)])
  await expect(ask(3)).rejects.toThrow('nobody answers')
  expect(dials).toBe(2)
})

test('one that is dialled for long is doubted, not shunned, and closing doesn’t wait for it', async () => {
  hangs = true
  const asked = ask()
  expect(providers.isDoubtful(fill(1))).toBe(false)
  clock.advance(1_000)
  expect(providers.isDoubtful(fill(1))).toBe(true)
  expect(providers.isShunned(fill(1))).toBe(false)
  expect(providers.isDoubtful(fill(2))).toBe(false)
  const fails = expect(asked).rejects.toThrow('the client is closed')
  await providers.close()
  await fails
})
