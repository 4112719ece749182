/** A relay on loopback, with ends that speak its protocol, so that everything has to go through it. */
import * as blindRelay from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { ConnectOptions } from 'hyperdht'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import type { UdxStream } from 'udx-native'
import { vi } from 'vitest'
import { equalBytes } from '../../../core/open/bytes.ts'
import type { AllmendError } from '../../../core/open/errors.ts'
import { ManualClock } from '../../wire/manual-clock.ts'
import { startLoopbackDht } from '../loopback-dht.fixture.ts'
import type { RelayOptions, RelayServer } from './relay-server.ts'
import { startRelay } from './relay-server.ts'
import type { UdpNode } from '../udp-node.ts'
import { createUdpNode } from '../udp-node.ts'

/** On a machine that has much else to do. */
const PATIENCE_MS = 20_000

/** Resolves once the check holds. */
export const eventually = (check: () => void): Promise<void> => vi.waitFor(check, PATIENCE_MS)

export const seedOf = (name: string): Buffer => hash('sha256', name, 'buffer')

export interface RawStream extends UdxStream {
  readonly destroyed: boolean
  connect(socket: object, remoteId: number, port: number, host: string): void
  write(bytes: Uint8Array): boolean
  resume(): this
}

/** A pool's DHT on loopback, its relay, and who asks that. */
export class RelayYard {
  readonly clock = new ManualClock()
  readonly #bootstrap: string
  readonly #closers: (() => Promise<void>)[]

  private constructor({ bootstrap, node }: Awaited<ReturnType<typeof startLoopbackDht>>) {
    this.#bootstrap = bootstrap
    this.#closers = [() => node.close()]
  }

  static async open(): Promise<RelayYard> {
    return new RelayYard(await startLoopbackDht())
  }

  async join(name: string, host = '127.0.0.1'): Promise<UdpNode> {
    const node = await createUdpNode({
      seed: seedOf(name),
      host,
      bootstrap: [this.#bootstrap],
      reachable: true,
    })
    this.#closers.push(() => node.close())
    await node.joined()
    return node
  }

  /** Starts a relay that admits everybody, unless told otherwise. */
  async relayWith(options: Partial<RelayOptions>): Promise<RelayServer> {
    const relay = await startRelay(await this.join('relay'), {
      admit: () => true,
      clock: this.clock,
      ...options,
    })
    this.#closers.unshift(() => relay.close())
    return relay
  }

  /** Nodes of these names that ask the relay. */
  askers<const Names extends readonly string[]>(
    relay: RelayServer,
    ...names: Names
  ): Promise<{ -readonly [Name in keyof Names]: Asker }> {
    const askers = names.map((name) => this.asker(relay, name))
    return Promise.all(askers) as Promise<{ -readonly [Name in keyof Names]: Asker }>
  }

  async asker(relay: RelayServer, name: string, host?: string): Promise<Asker> {
    return new Asker(await this.join(name, host), relay)
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()))
  }
}

/** A node that asks the relay, as the library does, for one side of a connection. */
export class Asker {
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

  /** Without options, as the library dials relays. */
  control(options?: ConnectOptions): NoiseSecretStream {
    const stream = this.node.dht.connect(Buffer.from(this.relay.publicKey), options)
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

/** Both sides of a connection through the relay, after a first byte from each. */
export async function connect(from: Asker, to: Asker): Promise<[RawStream, RawStream] | undefined> {
  const token = blindRelay.token()
  const [near, far] = await Promise.all([from.ask(true, token), to.ask(false, token)])
  if (near === undefined || far === undefined) return undefined
  // The relay learns where an end is from its first packet.
  const heard = Promise.all([once(near, 'data'), once(far, 'data')]).then(() => true)
  // What came before the other's is lost, and would be sent again after a second only.
  for (const stream of [near, far]) stream.once('data', () => stream.write(Buffer.of(2)))
  const lost = once(near, 'close').then(() => false)
  near.write(Buffer.of(1))
  far.write(Buffer.of(1))
  if (await Promise.race([heard, lost])) return [near, far]
  far.destroy()
  return undefined
}

export async function send(from: RawStream, to: RawStream, bytes: number): Promise<void> {
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
