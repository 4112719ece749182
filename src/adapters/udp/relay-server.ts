/**
 * A blind relay: forwards datagrams between two peers whose NATs let neither through. What it forwards is encrypted end to end.
 *
 * Invariants:
 * - Only admitted keys are served, with MAX_SESSIONS_PER_KEY control streams each; all together pass at most MAX_LINKS ends. What each
 *   key may have passed on is bounded by its quota; who has used it up is told so, and its connections through here end.
 * - A control stream says little: one that says more than its allowance is ended, which bounds the pairings that it can open.
 * - Nothing here reads a control stream: its bytes belong to the relay protocol.
 */
import * as blindRelay from 'blind-relay'
import type { RelaySession } from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { DhtServer } from 'hyperdht'
import type { UdxStream } from 'udx-native'
import { toHex } from '../../core/open/bytes.ts'
import { BusyError } from '../../core/open/errors.ts'
import type { WireClock } from '../wire/clock.ts'
import { systemClock } from '../wire/clock.ts'
import type { LineLimits } from '../wire/line-limits.ts'
import { CLOSE_GRACE_MS } from '../wire/limits.ts'
import { HandshakeGate, SLOT_MS } from './handshake-gate.ts'
import type { RelayLimits } from './relay-quota.ts'
import { RELAY_LIMITS, RelayQuota } from './relay-quota.ts'
import { sendRefusal } from './relay-refusal.ts'
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
/** What is passed on may exceed the line's limit by so many seconds of it: the busiest connections end then. */
const LINE_DEBT_SECONDS = 10

export interface RelayOptions {
  /** Whether this key, one of the pool's, may relay through us. */
  readonly admit: (peerKey: Uint8Array) => boolean
  /** Learns anew who belongs to the pool: a key that isn't known may have just joined. */
  readonly askAgain?: () => Promise<void> | undefined
  /** What each key may have passed on; RELAY_LIMITS where nothing else is said. */
  readonly limits?: Partial<RelayLimits>
  /** The limits of the line, in which what is passed on counts both ways. */
  readonly line?: Pick<LineLimits, 'spend' | 'owes'> | undefined
  readonly clock?: WireClock
}

interface Served {
  readonly key: string
  readonly stream: NoiseSecretStream
  readonly session: RelaySession
  readonly since: number
  /** It has been told why nothing is passed on for it. */
  isRefused: boolean
}

/** One side of a relayed connection. */
interface End {
  readonly key: string
  readonly session: RelaySession
  readonly stream: UdxStream
  /** Bytes that were counted. */
  counted: number
}

/** Relays for the pool on the node's port, under a key of its own, until closed. */
export async function startRelay(node: UdpNode, options: RelayOptions): Promise<RelayServer> {
  const relay = new RelayServer(node, options)
  try {
    await relay.listen()
    return relay
  } catch (error) {
    await relay.close()
    throw error
  }
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
  readonly #quota: RelayQuota
  readonly #line: RelayOptions['line']
  /** Both ends of each relayed connection, by its token (hex). */
  readonly #connections = new Map<string, End[]>()
  readonly #stopAudit: () => void
  #links = 0
  /** The first of a connection's two streams was made, the second follows at once. */
  #isHalfMade = false
  /** First messages that wait for news of the pool. */
  #unknown = 0

  constructor(node: UdpNode, options: RelayOptions) {
    this.#node = node
    this.#clock = options.clock ?? systemClock
    this.#gate = new HandshakeGate(this.#clock)
    this.#quota = new RelayQuota({ ...RELAY_LIMITS, ...options.limits }, this.#clock)
    this.#line = options.line
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

  /** Control streams, relayed connections, and their ends at present. */
  get usage(): { readonly sessions: number; readonly connections: number; readonly links: number } {
    const connections = this.#relay.stats.pairings.active
    return { sessions: this.#served.size, connections, links: this.#links }
  }

  #createStream(options: object): ReturnType<UdpNode['dht']['createRawStream']> {
    // Thrown into the control stream whose message asked for it, which ends. Never for the second alone: nothing would end the first.
    if (!this.#isHalfMade && this.#links + 2 > MAX_LINKS)
      throw new BusyError('too many relayed connections', { most: MAX_LINKS / 2 })
    this.#isHalfMade = !this.#isHalfMade
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
    const served = { key, stream, session, since: this.#clock.now(), isRefused: false }
    session.on('error', () => stream.destroy())
    session.on('open', () => {
      this.#gate.prove(key, stream)
      const refusal = this.#quota.refusal(key)
      if (refusal !== undefined) this.#refuse(served, refusal)
    })
    session.on('pair', (_isInitiator, token, link) => this.#connected(served, toHex(token), link))
    this.#served.set(stream, served)
    stream.on('close', () => {
      this.#served.delete(stream)
      const left = (this.#perKey.get(key) ?? 1) - 1
      if (left === 0) this.#perKey.delete(key)
      else this.#perKey.set(key, left)
    })
  }

  /** One end of a relayed connection is there: it counts, or the session that asked for it ends. */
  #connected(served: Served, token: string, stream: UdxStream): void {
    const { key } = served
    const refusal = served.isRefused ? undefined : (this.#lineRefusal() ?? this.#quota.open(key))
    if (served.isRefused || refusal !== undefined) {
      stream.on('error', () => {}).destroy()
      if (refusal !== undefined) this.#refuse(served, refusal)
      return
    }
    const ends = this.#connections.get(token) ?? []
    const end: End = { key, session: served.session, stream, counted: 0 }
    ends.push(end)
    this.#connections.set(token, ends)
    stream.on('close', () => {
      this.#count(ends)
      this.#quota.close(key)
      ends.splice(ends.indexOf(end), 1)
      if (ends.length === 0) this.#connections.delete(token)
    })
  }

  /** Charges both ends' keys, and the line, with what has passed between them since; how much that was, bytes. */
  #count(ends: readonly End[]): number {
    let bytes = 0
    for (const end of ends) {
      bytes += end.stream.bytesReceived - end.counted
      end.counted = end.stream.bytesReceived
    }
    for (const key of new Set(ends.map((end) => end.key))) this.#quota.spend(key, bytes)
    this.#line?.spend(bytes, bytes)
    return bytes
  }

  /** Why nothing more is passed on for anybody, while the line owes too much. */
  #lineRefusal(): BusyError | undefined {
    if (this.#line?.owes(LINE_DEBT_SECONDS) !== true) return undefined
    return new BusyError('the relay has reached the limit of its line; again in a moment', {
      relayQuota: 'line',
      seconds: LINE_DEBT_SECONDS,
    })
  }

  /** Ends one relayed connection, with the sessions that asked for it. */
  #end(ends: readonly End[], reason: BusyError): void {
    const sessions = new Set(ends.map(({ session }) => session))
    for (const served of this.#served.values()) if (sessions.has(served.session)) this.#refuse(served, reason)
  }

  /** Says why nothing is passed on, then ends the control stream, and with it the connection that it stands for. */
  #refuse(served: Served, reason: BusyError): void {
    if (served.isRefused) return
    served.isRefused = true
    const { stream, session } = served
    const cancel = this.#clock.after(CLOSE_GRACE_MS, () => stream.destroy())
    stream.on('close', cancel)
    sendRefusal(session.mux, reason, () => stream.destroy())
  }

  #audit(): void {
    const now = this.#clock.now()
    for (const { stream, since } of this.#served.values()) {
      const allowance = CONTROL_BURST_BYTES + ((now - since) / 1000) * CONTROL_BYTES_PER_SECOND
      if (stream.rawBytesRead > allowance) stream.destroy()
    }
    let busiest: { readonly ends: readonly End[]; readonly bytes: number } | undefined
    for (const ends of this.#connections.values()) {
      const bytes = this.#count(ends)
      if (bytes > (busiest?.bytes ?? 0)) busiest = { ends, bytes }
    }
    const lineRefusal = this.#lineRefusal()
    if (busiest !== undefined && lineRefusal !== undefined) this.#end(busiest.ends, lineRefusal)
    for (const served of this.#served.values()) {
      const refusal = this.#quota.refusal(served.key)
      if (refusal !== undefined) this.#refuse(served, refusal)
    }
    this.#quota.sweep()
  }

  /** Ends the relay with all that it relays. */
  async close(): Promise<void> {
    this.#stopAudit()
    this.#gate.clear()
    for (const { stream } of this.#served.values()) stream.destroy()
    await this.#server.close()
  }
}
