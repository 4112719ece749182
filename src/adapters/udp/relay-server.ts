/**
 * A blind relay: forwards datagrams between two peers whose NATs let neither through. What it forwards is encrypted end to end.
 *
 * Invariants:
 * - Only admitted keys are served, with MAX_SESSIONS_PER_KEY control streams each; all together pass at most MAX_LINKS ends.
 * - A control stream says little: one that says more than its allowance is ended, which bounds the pairings that it can open.
 * - Nothing here reads a control stream: its bytes belong to the relay protocol.
 */
import * as blindRelay from 'blind-relay'
import type { RelaySession } from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { DhtServer } from 'hyperdht'
import { toHex } from '../../core/open/bytes.ts'
import { BusyError } from '../../core/open/errors.ts'
import type { WireClock } from '../wire/clock.ts'
import { systemClock } from '../wire/clock.ts'
import { HandshakeGate, SLOT_MS } from './handshake-gate.ts'
import { STREAM_TIMEOUT_MS } from './udp-link.ts'
import type { UdpNode } from './udp-node.ts'

/** A peer has one control stream for each relayed connection. */
const MAX_SESSIONS_PER_KEY = 16
const MAX_SESSIONS = 256
/** Two for each relayed connection. */
const MAX_LINKS = 256
/** First messages of unknown keys that wait while the pool is asked; further ones are dropped, and repeated by who sent them. */
const MAX_UNKNOWN = 16
/** Bytes of a control stream: some hundred pairings at once, and keepalives. */
const CONTROL_BURST_BYTES = 16 * 1024
const CONTROL_BYTES_PER_SECOND = 128
const AUDIT_MS = 1000

export interface RelayOptions {
  /** Whether this key, one of the pool's, may relay through us. */
  readonly admit: (peerKey: Uint8Array) => boolean
  /** Learns anew who belongs to the pool: a key that isn't known may have just joined. */
  readonly askAgain?: () => Promise<void> | undefined
  readonly clock?: WireClock
}

interface Served {
  readonly stream: NoiseSecretStream
  readonly session: RelaySession
  readonly since: number
}

/** Relays for the pool on the node's port, under a key of its own, until closed. */
export async function startRelay(node: UdpNode, options: RelayOptions): Promise<RelayServer> {
  const relay = new RelayServer(node, options)
  await relay.listen()
  return relay
}

export class RelayServer {
  /** Raw Ed25519 key under which others find it, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly #node: UdpNode
  readonly #clock: WireClock
  readonly #gate: HandshakeGate
  readonly #server: DhtServer
  readonly #relay: blindRelay.Server
  readonly #served = new Map<NoiseSecretStream, Served>()
  readonly #perKey = new Map<string, number>()
  readonly #stopAudit: () => void
  #links = 0
  /** First messages that wait for news of the pool. */
  #unknown = 0

  constructor(node: UdpNode, options: RelayOptions) {
    this.#node = node
    this.#clock = options.clock ?? systemClock
    this.#gate = new HandshakeGate(this.#clock)
    this.publicKey = new Uint8Array(node.relayKeyPair.publicKey)
    this.#relay = new blindRelay.Server({
      createStream: (streamOptions) => this.#createStream(streamOptions),
    })
    this.#server = node.dht.createServer({
      firewall: async (key, payload, from) => {
        payload.relayThrough = null
        const isAdmitted = options.admit(new Uint8Array(key)) || (await this.#admitsLate(key, options))
        return !isAdmitted || !this.#gate.enter(toHex(key), from.host)
      },
      handshakeClearWait: SLOT_MS,
    })
    this.#server.on('connection', (stream) => this.#accept(stream))
    this.#stopAudit = this.#clock.every(AUDIT_MS, () => this.#audit())
  }

  /** Strangers wait outside of the gate, so that they take no room from whom it is for; a few at a time. */
  async #admitsLate(key: Uint8Array, { admit, askAgain }: RelayOptions): Promise<boolean> {
    if (askAgain === undefined || this.#unknown >= MAX_UNKNOWN) return false
    this.#unknown++
    try {
      await askAgain()
    } finally {
      this.#unknown--
    }
    return admit(new Uint8Array(key))
  }

  async listen(): Promise<void> {
    await this.#server.listen(this.#node.relayKeyPair)
  }

  /** Control streams, and relayed connections at present. */
  get usage(): { readonly sessions: number; readonly connections: number } {
    return { sessions: this.#served.size, connections: this.#relay.stats.pairings.active }
  }

  #createStream(options: object): ReturnType<UdpNode['dht']['createRawStream']> {
    // Thrown into the control stream whose message asked for it, which ends.
    if (this.#links >= MAX_LINKS) throw new BusyError('too many relayed connections', { most: MAX_LINKS / 2 })
    const stream = this.#node.dht.createRawStream(options)
    this.#links++
    stream.on('close', () => this.#links--)
    return stream
  }

  #accept(stream: NoiseSecretStream): void {
    stream.on('error', () => stream.destroy())
    const key = toHex(stream.remotePublicKey)
    const count = this.#perKey.get(key) ?? 0
    if (count >= MAX_SESSIONS_PER_KEY || this.#served.size >= MAX_SESSIONS) {
      stream.destroy()
      return
    }
    this.#perKey.set(key, count + 1)
    this.#gate.begin(key, stream)
    stream.setTimeout(STREAM_TIMEOUT_MS)
    const session = this.#relay.accept(stream, { id: stream.remotePublicKey })
    session.on('error', () => stream.destroy())
    session.on('open', () => this.#gate.prove(key, stream))
    this.#served.set(stream, { stream, session, since: this.#clock.now() })
    stream.on('close', () => {
      this.#served.delete(stream)
      const left = (this.#perKey.get(key) ?? 1) - 1
      if (left === 0) this.#perKey.delete(key)
      else this.#perKey.set(key, left)
    })
  }

  #audit(): void {
    const now = this.#clock.now()
    for (const { stream, since } of this.#served.values()) {
      const allowance = CONTROL_BURST_BYTES + ((now - since) / 1000) * CONTROL_BYTES_PER_SECOND
      if (stream.rawBytesRead > allowance) stream.destroy()
    }
  }

  /** Ends the relay with all that it relays. */
  async close(): Promise<void> {
    this.#stopAudit()
    this.#gate.clear()
    for (const { stream } of this.#served.values()) stream.destroy()
    await this.#server.close()
  }
}
