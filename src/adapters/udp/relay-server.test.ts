/** A relay on loopback, with ends that speak its protocol, so that everything has to go through it. */
import * as blindRelay from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import HyperDHT from 'hyperdht'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { UdxStream } from 'udx-native'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { equalBytes } from '../../core/open/bytes.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import { parseTimetable } from '../../core/open/limits/timetable.ts'
import { LineLimits } from '../wire/line-limits.ts'
import { ManualClock } from '../wire/manual-clock.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import type { RelayOptions, RelayServer } from './relay-server.ts'
import { startRelay } from './relay-server.ts'
import type { UdpNode } from './udp-node.ts'
import { createUdpNode } from './udp-node.ts'

const host = '127.0.0.1'
const LOOK_MS = 1000
const seedOf = (name: string) => hash('sha256', name, 'buffer')

interface RawStream extends UdxStream {
  readonly destroyed: boolean
  connect(socket: object, remoteId: number, port: number, host: string): void
  write(bytes: Uint8Array): boolean
  resume(): this
}

let bootstrap: string
let clock: ManualClock
let closers: (() => Promise<void>)[] = []
beforeEach(async () => {
  const dht = await startLoopbackDht()
  bootstrap = dht.bootstrap
  closers = [() => dht.node.close()]
  clock = new ManualClock()
})
afterEach(async () => {
  await Promise.all(closers.map((close) => close()))
})

async function join(name: string): Promise<UdpNode> {
  const node = await createUdpNode({ seed: seedOf(name), host, bootstrap: [bootstrap], reachable: true })
  closers.push(() => node.close())
  await node.joined()
  return node
}

async function relayWith(options: Partial<RelayOptions>): Promise<RelayServer> {
  const relay = await startRelay(await join('relay'), { admit: () => true, clock, ...options })
  closers.unshift(() => relay.close())
  return relay
}

/** A node that asks the relay, as the library does, for one side of a connection. */
class Asker {
  readonly node: UdpNode
  readonly relay: RelayServer
  readonly refusals: AllmendError[] = []

  constructor(node: UdpNode, relay: RelayServer) {
    this.node = node
    this.relay = relay
    node.onRelayRefusal((key, reason) => {
      if (equalBytes(key, relay.publicKey)) this.refusals.push(reason)
    })
  }

  control(): NoiseSecretStream {
    // Without options, as the library dials relays.
    const stream = this.node.dht.connect(Buffer.from(this.relay.publicKey))
    stream.on('error', () => stream.destroy())
    return stream
  }

  /** Its side of a connection; undefined where the relay makes none. */
  async ask(isInitiator: boolean, token: Buffer): Promise<RawStream | undefined> {
    const control = this.control()
    const stream = this.node.dht.createRawStream() as RawStream
    stream.on('error', () => stream.destroy())
    const pairing = blindRelay.Client.from(control, { id: control.publicKey }).pair(
      isInitiator,
      token,
      stream,
    )
    const id = await new Promise<number | undefined>((resolve) => {
      pairing.on('data', resolve)
      pairing.on('error', () => resolve(undefined))
      control.on('close', () => resolve(undefined))
    })
    const { socket, remotePort, remoteHost } = control.rawStream ?? {}
    if (id === undefined || socket === undefined || socket === null || remotePort === undefined)
      return undefined
    // Each ends with the other.
    control.on('close', () => stream.destroy())
    stream.on('close', () => control.destroy())
    stream.connect(socket, id, remotePort, remoteHost ?? '')
    return stream.resume()
  }
}

async function asker(name: string, relay: RelayServer): Promise<Asker> {
  return new Asker(await join(name), relay)
}

/** Both sides of a connection through the relay, after a first byte from each. */
async function connect(from: Asker, to: Asker): Promise<[RawStream, RawStream] | undefined> {
  const token = blindRelay.token()
  const [near, far] = await Promise.all([from.ask(true, token), to.ask(false, token)])
  if (near === undefined || far === undefined) return undefined
  // The relay learns where an end is from its first packet.
  const heard = Promise.all([once(near, 'data'), once(far, 'data')]).then(() => true)
  const lost = once(near, 'close').then(() => false)
  near.write(Buffer.of(1))
  far.write(Buffer.of(1))
  if (await Promise.race([heard, lost])) return [near, far]
  far.destroy()
  return undefined
}

async function send(from: RawStream, to: RawStream, bytes: number): Promise<void> {
  let left = bytes
  const arrived = new Promise<void>((resolve) => {
    to.on('data', (piece: Uint8Array) => {
      left -= piece.length
      if (left <= 0) resolve()
    })
  })
  from.write(Buffer.alloc(bytes))
  await arrived
}

describe('a relay', () => {
  it('ends what a key has passed on too much of, says why, and serves it again later; others go on', async () => {
    const relay = await relayWith({ limits: { bytesPerSecond: 10_000 } })
    const [hog, friend, other] = await Promise.all(
      ['hog', 'friend', 'other'].map((name) => asker(name, relay)),
    )
    const pair = (await connect(hog!, friend!))!
    await send(...pair, 700_000)
    clock.advance(LOOK_MS)
    await Promise.all(pair.map((stream) => stream.destroyed || once(stream, 'close')))
    expect(hog!.refusals[0]).toMatchObject({ code: 'busy', facts: { relayQuota: 'rate' } })

    expect(await hog!.ask(true, blindRelay.token())).toBeUndefined()
    expect(hog!.refusals.length).toBe(2)
    const [near, far] = (await connect(other!, await asker('fourth', relay)))!
    await send(near, far, 50_000)
    expect([near.destroyed, other!.refusals]).toEqual([false, []])
    near.destroy()
    far.destroy()

    for (let i = 0; i < 30; i++) clock.advance(LOOK_MS)
    await vi.waitFor(() => expect(relay.usage.connections).toBe(0))
    expect(await connect(hog!, friend!)).toBeDefined()
  })

  it('keeps to the limits of its line: the busiest connection ends, none is made until that is made up for', async () => {
    const limit = parseTimetable('64KiB/s')
    const line = new LineLimits({ up: limit, down: limit, clock })
    const relay = await relayWith({ line })
    const [hog, friend, other, fourth] = await Promise.all(
      ['hog', 'friend', 'other', 'fourth'].map((name) => asker(name, relay)),
    )
    const calm = (await connect(other!, fourth!))!
    const pair = (await connect(hog!, friend!))!
    await send(...pair, 800_000)
    await send(...calm, 20_000)
    clock.advance(LOOK_MS)
    await Promise.all(pair.map((stream) => stream.destroyed || once(stream, 'close')))
    await vi.waitFor(() => expect(hog!.refusals[0]).toMatchObject({ facts: { relayQuota: 'line' } }))
    expect([calm[0].destroyed, other!.refusals]).toEqual([false, []])
    // What it moves itself waits for that, too.
    expect(line.held).toEqual({ up: true, down: true })
    expect(await connect(hog!, friend!)).toBeUndefined()
    for (let i = 0; i < 10; i++) clock.advance(LOOK_MS)
    expect(await connect(hog!, friend!)).toBeDefined()
  })

  it('counts what is passed on for both ends, whichever sends', async () => {
    const relay = await relayWith({ limits: { bytesPerDay: 300_000 } })
    const [listener, ...callers] = await Promise.all(
      ['listener', 'first', 'second'].map((name) => asker(name, relay)),
    )
    for (const caller of callers) {
      const [near, far] = (await connect(caller, listener!))!
      await send(near, far, 200_000)
    }
    clock.advance(LOOK_MS)
    await vi.waitFor(() => expect(listener!.refusals[0]).toMatchObject({ facts: { relayQuota: 'day' } }))
    expect(callers.flatMap(({ refusals }) => refusals)).toEqual([])
  })

  it('holds a number of connections for a key, and leaves nothing of those that it refuses', async () => {
    const relay = await relayWith({ limits: { connections: 2 } })
    const [many, friend] = await Promise.all(['many', 'friend'].map((name) => asker(name, relay)))
    const held = [await connect(many!, friend!), await connect(many!, friend!)]
    const third = await connect(many!, friend!)
    expect([held[0], held[1], third].map((pair) => pair !== undefined)).toEqual([true, true, false])
    await vi.waitFor(() => expect(many!.refusals[0]).toMatchObject({ facts: { relayQuota: 'connections' } }))
    for (const pair of held) for (const stream of pair!) stream.destroy()
    await many!.node.close()
    await friend!.node.close()
    await vi.waitFor(() => expect(relay.usage).toEqual({ sessions: 0, connections: 0, links: 0 }), 10_000)
  }, 30_000)

  it('serves nobody whom the pool has not admitted', async () => {
    const friend = HyperDHT.keyPair(seedOf('friend')).publicKey
    const relay = await relayWith({ admit: (key) => equalBytes(key, friend) })
    const [stranger, known] = await Promise.all(['stranger', 'friend'].map((name) => asker(name, relay)))
    const isOpen = stranger!.control().opened
    expect(await known!.control().opened).toBe(true)
    expect(relay.usage.sessions).toBe(1)
    expect(await Promise.race([isOpen, Promise.resolve('not yet')])).toBe('not yet')
  })
})
