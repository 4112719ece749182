/**
 * A blind relay: forwards datagrams between two peers whose NATs let neither through. What it forwards is encrypted end to end.
 *
 * Invariants:
 * - Only admitted keys are served, with MAX_SESSIONS_PER_KEY control streams each, and guests of a host, within bounds of their own (see
 *   RelayGuests); all together pass at most MAX_LINKS ends. What each key may have passed on is bounded by its quota; who has used it up is told so, and its connections through here end.
 * - A control stream says little: one that says more than its allowance is ended, which bounds the pairings that it can open.
 * - Nothing here reads a control stream: its bytes belong to the relay protocol.
 */
import * as blindRelay from 'blind-relay'
import type { RelaySession } from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { DhtServer } from 'hyperdht'
import type { UdxStream } from 'udx-native'
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import type { AllmendError } from '../../../core/open/errors.ts'
import { BusyError, DeniedError } from '../../../core/open/errors.ts'
import type { WireClock } from '../../wire/clock.ts'
import { systemClock } from '../../wire/clock.ts'
import type { LineLimits } from '../../wire/line-limits.ts'
import { CLOSE_GRACE_MS } from '../../wire/limits.ts'
import { sha256PeerId } from '../../wire/peer-id.ts'
import { MAX_GUESTS } from '../guards/guest-slots.ts'
import { HandshakeGate, SLOT_MS } from '../guards/handshake-gate.ts'
import { RelayGuests } from './relay-guests.ts'
import type { Quota, RelayLimits } from './relay-quota.ts'
import { RELAY_LIMITS, RelayQuota } from './relay-quota.ts'
import { sendRefusal } from './relay-refusal.ts'
import { STREAM_TIMEOUT_MS } from '../udp-link.ts'
import type { UdpNode } from '../udp-node.ts'

/** A peer has one control stream for each relayed connection. */
const MAX_SESSIONS_PER_KEY = 16
const MAX_SESSIONS = 256
/** Two for each relayed connection. */
const MAX_LINKS = 256
/** First messages of unknown keys that wait while the pool is asked; further ones are dropped, and repeated by who sent them. */
const MAX_UNKNOWN = 16
/** How long they wait where they may be guests' otherwise. */
const NEWS_MS = 1000
/** Bytes of a control stream: some hundred pairings at once, and keepalives. */
const CONTROL_BURST_BYTES = 16 * 1024
/** Of a guest's, whose pairing takes 123. */
const GUEST_CONTROL_BURST_BYTES = 1024
const CONTROL_BYTES_PER_SECOND = 128
const AUDIT_MS = 1000
/** What is passed on may exceed the line's limit by so many seconds of it: the busiest connections end then. */
const LINE_DEBT_SECONDS = 10

export interface RelayOptions {
  /** Whether this key, one of the pool's, may relay through us. */
  readonly admit: (peerKey: Uint8Array) => boolean
  /** Learns anew who belongs to the pool: a key that isn't known may have just joined. Bounds by itself how often; never rejects. */
  readonly askAgain?: () => Promise<void> | undefined
  /** The peer by whom newcomers join: keys that aren't admitted are relayed to it, where it asks for that, and to nobody else. */
  readonly host?: Uint8Array
  /** What each key may have passed on; RELAY_LIMITS where nothing else is said. */
  readonly limits?: Partial<RelayLimits>
  /** The limits of the line, in which what is passed on counts both ways. */
  readonly line?: Pick<LineLimits, 'spend' | 'owes'> | undefined
  readonly clock?: WireClock
}

export interface RelayUsage {
  readonly sessions: number
  readonly guests: number
  readonly connections: number
  readonly links: number
}

interface Served {
  readonly key: string
  readonly stream: NoiseSecretStream
  readonly session: RelaySession
  readonly since: number
  /** It has been told why nothing is passed on for it. */
  isRefused: boolean
  /** Its key is not admitted, or wasn't when it was looked at last. */
  isGuest: boolean
}

/** One side of a relayed connection. */
interface End {
  readonly served: Served
  readonly stream: UdxStream
  /** Bytes that were counted. */
  counted: number
  /** The account of which it is a connection; the host of a guest has none for it. */
  account: { readonly quota: Quota; readonly name: string } | undefined
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
  readonly #guests: RelayGuests
  readonly #options: RelayOptions
  readonly #line: RelayOptions['line']
  /** The ends of each relayed connection that are still there. */
  readonly #connections = new Set<Set<End>>()
  /** The end that the relay protocol has told of; it tells of the other in the same turn. */
  #half: End | undefined
  readonly #stopAudit: () => void
  #links = 0
  /** Control streams of admitted keys. */
  #sessions = 0
  /** The first of a connection's two streams was made, the second follows at once. */
  #isHalfMade = false
  /** First messages that wait for news of the pool. */
  #unknown = 0

  constructor(node: UdpNode, options: RelayOptions) {
    this.#node = node
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#gate = new HandshakeGate(this.#clock)
    this.#quota = new RelayQuota({ ...RELAY_LIMITS, ...options.limits }, this.#clock)
    this.#guests = new RelayGuests(this.#clock)
    this.#line = options.line
    this.publicKey = new Uint8Array(node.relayKeyPair.publicKey)
    this.#relay = new blindRelay.Server({
      createStream: (streamOptions) => this.#createStream(streamOptions),
    })
    this.#server = node.dht.createServer({
      firewall: async (key, payload, from) => {
        payload.relayThrough = null
        if (this.#admits(key) || (await this.#admitsLate(key)))
          return !this.#gate.enter(toHex(key), from.host)
        return options.host === undefined || !this.#guests.enter(toHex(key), from.host)
      },
      handshakeClearWait: SLOT_MS,
    })
    this.#server.on('connection', (stream) => this.#accept(stream))
    this.#stopAudit = this.#clock.every(AUDIT_MS, () => this.#audit())
  }

  #admits(key: Uint8Array): boolean {
    const raw = new Uint8Array(key)
    return this.#options.admit(raw) || this.#isHost(raw)
  }

  #isHost(key: Uint8Array): boolean {
    const { host } = this.#options
    return host !== undefined && equalBytes(sha256PeerId(key), host)
  }

  /** Strangers wait outside of the gate, so that they take no room from whom it is for; a few at a time. */
  async #admitsLate(key: Uint8Array): Promise<boolean> {
    const { askAgain, host } = this.#options
    if (askAgain === undefined || this.#unknown >= MAX_UNKNOWN) return false
    this.#unknown++
    const late = Promise.withResolvers<void>()
    const cancel = host === undefined ? undefined : this.#clock.after(NEWS_MS, late.resolve)
    try {
      await Promise.race([askAgain(), late.promise])
    } finally {
      cancel?.()
      this.#unknown--
    }
    return this.#admits(key)
  }

  async listen(): Promise<void> {
    await this.#server.listen(this.#node.relayKeyPair)
  }

  /** Control streams, those of them that are guests', relayed connections, and their ends at present. */
  get usage(): RelayUsage {
    const connections = this.#relay.stats.pairings.active
    return { sessions: this.#served.size, guests: this.#guests.size, connections, links: this.#links }
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
    const isGuest = !this.#admits(stream.remotePublicKey)
    if (!isGuest && !this.#countSession(stream, key)) {
      stream.destroy()
      return
    }
    const door = isGuest ? this.#guests : this.#gate
    door.begin(key, stream)
    stream.setTimeout(STREAM_TIMEOUT_MS)
    const session = this.#relay.accept(stream, { id: stream.remotePublicKey })
    const served: Served = { key, stream, session, since: this.#clock.now(), isRefused: false, isGuest }
    session.on('error', () => stream.destroy())
    session.on('open', () => {
      if (!isGuest) this.#gate.prove(key, stream)
      const refusal = isGuest ? this.#guests.arrive(key, stream) : this.#quota.refusal(key)
      if (refusal !== undefined) this.#refuse(served, refusal)
    })
    session.on('pair', (_isInitiator, _token, link) => this.#connected(served, link))
    this.#served.set(stream, served)
    stream.on('close', () => this.#served.delete(stream))
  }

  /** Counts a control stream until its end; false where there are enough. */
  #countSession(stream: NoiseSecretStream, key: string): boolean {
    const count = this.#perKey.get(key) ?? 0
    // A host asks for guests beside what it has itself.
    const most = MAX_SESSIONS_PER_KEY + (this.#isHost(stream.remotePublicKey) ? MAX_GUESTS : 0)
    if (count >= most || this.#sessions >= MAX_SESSIONS) return false
    this.#sessions++
    this.#perKey.set(key, count + 1)
    stream.on('close', () => {
      this.#sessions--
      const left = (this.#perKey.get(key) ?? 1) - 1
      if (left === 0) this.#perKey.delete(key)
      else this.#perKey.set(key, left)
    })
    return true
  }

  /** One end of a relayed connection is there; with the second the connection is. */
  #connected(served: Served, stream: UdxStream): void {
    const end: End = { served, stream, counted: 0, account: undefined }
    stream.on('error', () => {})
    const first = this.#half
    this.#half = first === undefined ? end : undefined
    if (first === undefined) return
    const reasons = this.#open([first, end])
    const ends = new Set([first, end])
    if (reasons !== undefined) {
      this.#end(ends, reasons)
      return
    }
    this.#connections.add(ends)
    for (const each of ends)
      each.stream.on('close', () => {
        this.#count(ends)
        each.account?.quota.close(each.account.name)
        ends.delete(each)
        // Nothing comes through any more, so the other end needs nothing of us.
        for (const { served } of ends) if (!served.isRefused) served.stream.destroy()
        if (ends.size === 0) this.#connections.delete(ends)
      })
  }

  /** Counts a new connection for whom it is; else the reasons against it, by whom they concern. */
  #open(ends: readonly [End, End]): ReadonlyMap<Served, AllmendError> | undefined {
    const [one, other] = ends
    const line = this.#lineRefusal()
    if (line !== undefined) return new Map(ends.map(({ served }) => [served, line]))
    if (one.served.isRefused || other.served.isRefused) return new Map()
    if (!one.served.isGuest && !other.served.isGuest) return this.#openFor(ends)
    const [guest, host] = one.served.isGuest ? [one, other] : [other, one]
    const { quota } = this.#guests
    const name = this.#guests.pair(guest.served.stream)
    if (name === undefined || host.served.isGuest || !this.#isHost(host.served.stream.remotePublicKey)) {
      const reason = new DeniedError('this relay does not know this node yet')
      return new Map(ends.flatMap(({ served }) => (served.isGuest ? [[served, reason]] : [])))
    }
    const refusal = quota.open(name)
    if (refusal !== undefined) return new Map([[guest.served, refusal]])
    guest.account = { quota, name }
    return undefined
  }

  /** Has the keys of both ends pay. */
  #openFor(ends: readonly End[]): ReadonlyMap<Served, AllmendError> | undefined {
    const reasons = new Map<Served, AllmendError>()
    for (const end of ends) {
      const account = { quota: this.#quota, name: end.served.key }
      const refusal = account.quota.open(account.name)
      if (refusal === undefined) end.account = account
      else reasons.set(end.served, refusal)
    }
    if (reasons.size === 0) return undefined
    for (const end of ends) {
      end.account?.quota.close(end.account.name)
      end.account = undefined
    }
    return reasons
  }

  /** Charges the accounts of both ends, and the line, with what has passed between them since; how much that was, bytes. */
  #count(ends: ReadonlySet<End>): number {
    let bytes = 0
    for (const end of ends) {
      bytes += end.stream.bytesReceived - end.counted
      end.counted = end.stream.bytesReceived
    }
    for (const { account } of ends) account?.quota.spend(account.name, bytes)
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

  /** Ends one relayed connection; who isn't concerned by the reasons learns no more than that it has to find another way. */
  #end(ends: ReadonlySet<End>, reasons: ReadonlyMap<Served, AllmendError>): void {
    for (const { served, stream } of ends) {
      stream.destroy()
      const reason = reasons.get(served)
      if (reason !== undefined) this.#refuse(served, reason)
      else if (!served.isRefused) served.stream.destroy()
    }
  }

  /** Says why nothing is passed on, then ends the control stream, and with it the connection that it stands for. */
  #refuse(served: Served, reason: AllmendError): void {
    if (served.isRefused) return
    served.isRefused = true
    const { stream, session } = served
    const cancel = this.#clock.after(CLOSE_GRACE_MS, () => stream.destroy())
    stream.on('close', cancel)
    sendRefusal(session.mux, reason, () => stream.destroy())
  }

  #audit(): void {
    const now = this.#clock.now()
    if (this.#guests.size > 0) void this.#options.askAgain?.()
    for (const served of this.#served.values()) {
      const { stream, since, isGuest } = served
      const burst = isGuest ? GUEST_CONTROL_BURST_BYTES : CONTROL_BURST_BYTES
      if (stream.rawBytesRead > burst + ((now - since) / 1000) * CONTROL_BYTES_PER_SECOND) stream.destroy()
      else if (this.#guests.has(stream) && this.#admits(stream.remotePublicKey)) this.#welcome(served)
    }
    let busiest: { readonly ends: ReadonlySet<End>; readonly bytes: number } | undefined
    for (const ends of this.#connections) {
      const bytes = this.#count(ends)
      if (bytes > (busiest?.bytes ?? 0)) busiest = { ends, bytes }
    }
    const lineRefusal = this.#lineRefusal()
    if (busiest !== undefined && lineRefusal !== undefined)
      for (const { served } of busiest.ends) this.#refuse(served, lineRefusal)
    for (const served of this.#served.values()) {
      const refusal = served.isGuest ? this.#guests.refusal(served.stream) : this.#quota.refusal(served.key)
      if (refusal !== undefined) this.#refuse(served, refusal)
    }
    this.#quota.sweep()
    this.#guests.quota.sweep()
  }

  /** The pool has admitted a guest: what it has here is its own from now on. */
  #welcome(served: Served): void {
    if (!this.#countSession(served.stream, served.key)) {
      served.stream.destroy()
      return
    }
    served.isGuest = false
    this.#guests.leave(served.stream)
    for (const ends of this.#connections) {
      if (![...ends].some((end) => end.served === served)) continue
      this.#count(ends)
      for (const end of ends) end.account?.quota.close(end.account.name)
      for (const end of ends) end.account = undefined
      const reasons = this.#openFor([...ends])
      if (reasons !== undefined) this.#end(ends, reasons)
    }
  }

  /** Ends the relay with all that it relays. */
  async close(): Promise<void> {
    this.#stopAudit()
    this.#gate.clear()
    this.#guests.clear()
    for (const { stream } of this.#served.values()) stream.destroy()
    await this.#server.close()
  }
}
