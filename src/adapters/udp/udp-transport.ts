/**
 * The transport over UDP: HyperDHT finds the peer and punches the hole, UDX carries the bytes, Noise IK encrypts them and proves both
 * net keys.
 *
 * Invariants:
 * - The dialler names the key in its first message, so nobody else can answer; it compares the key with the peer id before.
 * - The listener makes no session, and counts no connection, before a record has come that only the key's owner can make.
 * - `dial` resolves when the listener has accepted, so being refused is an error of `dial`.
 * - Streams are never paused and their raw bytes are guarded, as UDX has no flow control of its own.
 */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { ConnectOptions, DhtServer, HostPort } from 'hyperdht'
import { lookup } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import {
  CancelledError,
  DeniedError,
  UnreachableError,
  UntrustedError,
  UsageError,
  errorToWire,
} from '../../core/open/errors.ts'
import { encodeFrame, FRAME } from '../../core/open/wire/frame.ts'
import { encodeWireError } from '../../core/open/wire/wire-error.ts'
import type {
  Connection,
  DialOptions,
  Listener,
  ListenOptions,
  RequestHandler,
  Transport,
} from '../../ports/transport.ts'
import { CLOSE_GRACE_MS } from '../wire/limits.ts'
import type { PeerAccounts } from '../wire/peer-accounts.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import type { SessionHostOptions } from '../wire/session-host.ts'
import { SessionHost } from '../wire/session-host.ts'
import { Session } from '../wire/session.ts'
import { cannotListen } from '../wire/socket-error.ts'
import { DiallerScreen } from './guards/dialler-screen.ts'
import type { Attempt } from '../wire/first-of.ts'
import { firstOf } from '../wire/first-of.ts'
import { SLOT_MS } from './guards/handshake-gate.ts'
import { GuardedStream } from './guards/record-guard.ts'
import { AnyRelay, listenerHandshake } from './relay/relay-choice.ts'
import { formatUdpAddress, parseHostPort, parseUdpAddress } from './udp-address.ts'
import { UdpLink } from './udp-link.ts'
import type { UdpNode } from './udp-node.ts'

const DIAL_TIMEOUT_MS = 10_000
/** A direct attempt through two home routers takes three round trips; a relay is asked when it takes longer than that. */
const RELAY_AFTER_MS = 600
/** A relayed connection takes four round trips; where the relay is down, or doesn't know one of the two yet, the next is asked. */
const NEXT_RELAY_AFTER_MS = 1500
const MAX_RELAYS_TRIED = 3
/** Who knows fewer has the peer name some. */
const ENOUGH_RELAYS = 2
/** One attempt's time: repeats of a lost datagram come each second. */
const ATTEMPT_MS = 6000
const MAX_RELAY_ONLY = 1024
/** Refused streams that may linger until the other side has read why. */
const MAX_LINGERING = 16
/** What announcing may take before it goes on by itself: a LAN without its DHT must work too. */
const ANNOUNCE_WAIT_MS = 2000
/** What taking it back may take: where all nodes end at once nobody is left to hear it. */
const WITHDRAW_WAIT_MS = 500

export interface UdpTransportOptions extends SessionHostOptions {
  /** How long to listen is held up until the DHT knows of it, ms; none for a node that others reach by its address. Default 2 s. */
  readonly announceWaitMs?: number | undefined
}

interface DialTarget {
  readonly address: string
  readonly key: Uint8Array
  /** Where to ask for it first. */
  readonly nodes: Promise<readonly HostPort[]>
  readonly handler: RequestHandler | undefined
}

/** How a connection reaches its peer now. */
export interface UdpPath {
  /** The other end of the datagrams: the peer, or the relay. */
  readonly remote: HostPort
  readonly relayed: boolean
  readonly roundTripMs: number
}

export class UdpTransport implements Transport {
  readonly kind = 'udp'
  readonly publicKey: Uint8Array
  readonly node: UdpNode
  readonly #host: SessionHost
  readonly #announceWaitMs: number
  readonly #dialled = new Set<Session>()
  readonly #streams = new Map<Connection, NoiseSecretStream>()
  readonly #open = new Set<NoiseSecretStream>()
  /** Peers (key in hex) that were last reached through a relay. */
  readonly #relayOnly = new Set<string>()
  readonly #stopHearing: () => void
  #listener: Listener | undefined
  #refused = 0
  /** What a relay said last that passes nothing on for this node. */
  #refusal: { readonly at: number; readonly reason: AllmendError } | undefined
  #closed = false

  /** Does not own the node: `close` leaves it open for who else uses it. */
  constructor(node: UdpNode, options: UdpTransportOptions = {}) {
    this.node = node
    this.publicKey = node.publicKey
    this.#host = new SessionHost(options)
    this.#announceWaitMs = options.announceWaitMs ?? ANNOUNCE_WAIT_MS
    this.#stopHearing = node.onRelayRefusal((_relay, reason) => {
      this.#refusal = { at: this.#host.clock.now(), reason }
    })
  }

  /**
   * Accepts connections on the node's socket and announces the node in the DHT. `address` is `host:port` or a UDP address with the
   * node's own key; the port is 0 or the node's. A node has one listener at a time.
   */
  async listen(options: ListenOptions): Promise<Listener> {
    if (this.#closed) throw new UnreachableError('the transport is closed')
    this.#checkListenAddress(options.address)
    if (this.#listener !== undefined) throw new UsageError('this node has a listener')
    const screen = new DiallerScreen(this.node, this.#host.clock)
    const owner = new Set<Session>()
    const server = this.node.dht.createServer({
      firewall: (key, payload, from) => !screen.lets(key, payload, from),
      createHandshake: listenerHandshake,
      handshakeClearWait: SLOT_MS,
    })
    server.on('connection', (stream) => this.#greetDialler(stream, screen, options, owner))
    const listener: Listener = {
      address: this.address,
      close: async () => {
        if (this.#listener !== listener) return
        this.#listener = undefined
        const closing = server.close()
        screen.clear()
        await Promise.all([...owner].map((session) => session.close()))
        await this.#atMost(WITHDRAW_WAIT_MS, closing)
      },
    }
    this.#listener = listener
    await this.#announce(server, listener)
    return listener
  }

  #checkListenAddress(address: string): void {
    const { bound } = this.node
    const at = address.includes('@') ? parseUdpAddress(address) : undefined
    if (at !== undefined && !equalBytes(at.key, this.publicKey))
      throw new UsageError("that is another node's address", { address })
    const ports = (at?.hints ?? [parseHostPort(address)]).map(({ port }) => port)
    if (!ports.some((port) => port === 0 || port === bound.port))
      throw new UsageError('a node listens on its own port', { address, port: bound.port })
  }

  async #announce(server: DhtServer, listener: Listener): Promise<void> {
    try {
      await this.#atMost(this.#announceWaitMs, server.listen())
    } catch (error) {
      if (this.#listener === listener) this.#listener = undefined
      // Not waited for: nothing of it is announced.
      server.close().catch(() => {})
      throw cannotListen(listener.address, error)
    }
  }

  /** The result of `work`, or nothing after `ms`, when it goes on by itself. */
  async #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>()
    const cancel = this.#host.clock.after(ms, late.resolve)
    try {
      await Promise.race([work, late.promise])
    } finally {
      cancel()
      // What fails from now on is known to nobody but the DHT, which tries again by itself.
      work.catch(() => {})
    }
  }

  /** The node's address with all that is known of where it is. */
  get address(): string {
    const { bound, reachableAt } = this.node
    const hosts = bound.host === '0.0.0.0' ? localHosts() : [bound.host]
    const hints = hosts.map((host) => ({ host, port: bound.port }))
    if (reachableAt !== undefined && !hosts.includes(reachableAt.host)) hints.unshift(reachableAt)
    return formatUdpAddress(this.publicKey, hints.slice(0, 4))
  }

  #greetDialler(
    stream: NoiseSecretStream,
    screen: DiallerScreen,
    options: ListenOptions,
    owner: Set<Session>,
  ): void {
    this.#track(stream)
    const peerKey = new Uint8Array(stream.remotePublicKey)
    screen.begin(stream, this.#isRelayed(stream))
    const first = (bytes: Uint8Array): void => {
      stream.off('data', first)
      screen.prove(stream)
      this.#accept(stream, peerKey, bytes, options, owner)
    }
    stream.on('data', first)
  }

  #accept(
    stream: NoiseSecretStream,
    peerKey: Uint8Array,
    early: Uint8Array,
    options: ListenOptions,
    owner: Set<Session>,
  ): void {
    if (this.#closed) {
      stream.destroy()
      return
    }
    if (options.admit?.(peerKey) === false) {
      this.#refuse(stream, new DeniedError('this node is not open to you'))
      return
    }
    const { handler, maxBodyBytes, freeBodies } = options
    const session = this.#host.adopt(
      peerKey,
      { handler, maxBodyBytes, freeBodies, owner },
      () => new UdpLink(stream, this.#isRelayed(stream), early),
    )
    if (!(session instanceof Session)) {
      this.#refuse(stream, session)
      return
    }
    this.#keep(session, stream)
    options.onConnection?.(session)
  }

  async dial(address: string, peerId: Uint8Array, options: DialOptions = {}): Promise<Connection> {
    const { key, hints } = parseUdpAddress(address)
    const { signal, timeoutMs = DIAL_TIMEOUT_MS } = options
    if (this.#closed) throw new UnreachableError('the transport is closed')
    if (signal?.aborted === true)
      throw new CancelledError('cancelled before dialling', {}, { cause: signal.reason })
    if (!equalBytes(sha256PeerId(key), peerId))
      throw new UntrustedError('the address is of another key', { address, expected: toHex(peerId) })
    const refused = this.#host.refused(peerId)
    if (refused !== undefined) throw refused
    const giveUp = new AbortController()
    const cancelTimer = this.#host.clock.after(timeoutMs, () =>
      giveUp.abort(new UnreachableError('no connection in time', { address, timeoutMs })),
    )
    const onAbort = (): void =>
      giveUp.abort(new CancelledError('cancelled while dialling', {}, { cause: signal?.reason }))
    signal?.addEventListener('abort', onAbort, { once: true })
    const started = this.#host.clock.now()
    try {
      const target = { address, key, nodes: resolveHints(hints), handler: options.handler }
      return await firstOf(this.#attempts(target), this.#host.clock, giveUp.signal)
    } catch (error) {
      throw error instanceof UnreachableError ? (this.refusalSince(started) ?? error) : error
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /**
   * A direct attempt, and others through relays: those that are known, or that the peer names. The library would do both in one, but then
   * the two ends can settle on different paths and wait for each other.
   */
  #attempts(target: DialTarget): Attempt<Session>[] {
    const name = toHex(target.key)
    const direct: Attempt<Session> = {
      afterMs: 0,
      run: async (signal) => {
        const session = await this.#attempt(target, signal, {})
        this.#relayOnly.delete(name)
        return session
      },
    }
    const likely = this.node.natKind === 'random' || this.#relayOnly.has(name)
    const named = new AnyRelay()
    const relayed = this.#relaysFor(target.key).map((relay, i): Attempt<Session> => ({
      afterMs: (likely ? 0 : RELAY_AFTER_MS) + i * NEXT_RELAY_AFTER_MS,
      run: async (signal) => {
        const through = relay === undefined ? named.next() : { relayThrough: Buffer.from(relay) }
        const session = await this.#attempt(target, signal, { ...through, holepunch: () => false })
        this.#relayOnly.add(name)
        if (this.#relayOnly.size > MAX_RELAY_ONLY)
          this.#relayOnly.delete(this.#relayOnly.values().next().value!)
        return session
      },
    }))
    return [direct, ...relayed]
  }

  /** Relays to try in turn; undefined for one of the peer's choice. */
  #relaysFor(peer: Uint8Array): readonly (Uint8Array | undefined)[] {
    const known = this.node.someRelays(peer, MAX_RELAYS_TRIED)
    // Who joins knows none, and the one that he knew may have gone. Who is reached from everywhere needs none.
    const chosen = this.node.natKind === 'open' ? 0 : Math.max(0, ENOUGH_RELAYS - known.length)
    return [...known, ...Array.from({ length: chosen }, () => undefined)]
  }

  async #attempt(target: DialTarget, signal: AbortSignal, how: ConnectOptions): Promise<Session> {
    const { key, address, handler } = target
    const relayAddresses = await target.nodes
    if (signal.aborted) throw new UnreachableError('another attempt was first', { address })
    const stream = this.node.dht.connect(Buffer.from(key), { ...how, relayAddresses })
    this.#track(stream)
    signal.addEventListener('abort', () => stream.destroy(), { once: true })
    const cancel = this.#host.clock.after(ATTEMPT_MS, () => stream.destroy())
    const stopHearing = this.node.onRelayRefusal((relay) => {
      if (how.relayThrough !== undefined && equalBytes(how.relayThrough, relay)) stream.destroy()
    })
    try {
      const session = await this.#greet(stream, address, key, handler)
      this.#keep(session, stream)
      return session
    } catch (error) {
      stream.destroy()
      throw error
    } finally {
      cancel()
      stopHearing()
    }
  }

  async #greet(
    stream: NoiseSecretStream,
    address: string,
    key: Uint8Array,
    handler: RequestHandler | undefined,
  ): Promise<Session> {
    const failed = new Promise<never>((_, reject) => {
      stream.on('error', (cause) => reject(new UnreachableError('cannot connect', { address }, { cause })))
      stream.on('close', () => reject(new UnreachableError('cannot connect', { address })))
    })
    // Once connected, nobody awaits it.
    failed.catch(() => {})
    // `opened` settles before the error is told.
    if (!(await stream.opened)) await failed
    if (this.#closed) throw new UnreachableError('the transport is closed')
    const session = this.#host.adopt(
      key,
      { handler, owner: this.#dialled },
      () => new UdpLink(stream, this.#isRelayed(stream)),
    )
    if (!(session instanceof Session)) throw session
    await session.ready
    return session
  }

  #isRelayed({ rawStream }: NoiseSecretStream): boolean {
    return rawStream !== null && this.node.relayed(rawStream)
  }

  /** A stream's errors always have a listener, and `close` waits for its end. */
  #track(stream: NoiseSecretStream): void {
    this.#open.add(stream)
    stream.on('error', () => stream.destroy())
    stream.on('close', () => this.#open.delete(stream))
  }

  #keep(session: Session, stream: NoiseSecretStream): void {
    // A peer that greets and hangs up at once: its end is told already.
    if (stream.destroyed) return
    this.#streams.set(session, stream)
    stream.on('close', () => {
      this.#streams.delete(session)
      if (stream instanceof GuardedStream && stream.breach !== undefined)
        this.#host.accounts.remember(sha256PeerId(session.peerKey), stream.breach)
    })
  }

  /** Says why, then ends the connection. */
  #refuse(stream: NoiseSecretStream, reason: AllmendError): void {
    if (this.#refused >= MAX_LINGERING) {
      stream.destroy()
      return
    }
    this.#refused++
    const cancel = this.#host.clock.after(CLOSE_GRACE_MS, () => stream.destroy())
    stream.on('close', () => {
      cancel()
      this.#refused--
    })
    stream.on('end', () => stream.destroy())
    stream.resume()
    stream.write(encodeFrame(FRAME.close, 0, encodeWireError(errorToWire(reason))))
    stream.end()
  }

  /** The path of one of this transport's connections; undefined once it is gone. */
  path(connection: Connection): UdpPath | undefined {
    const raw = this.#streams.get(connection)?.rawStream
    if (raw === null || raw === undefined || raw.remoteHost === null) return undefined
    const remote = { host: raw.remoteHost, port: raw.remotePort }
    return { remote, relayed: this.node.relayed(raw), roundTripMs: raw.rtt }
  }

  /** Why a relay has passed nothing on for this node since `time`: of all reasons for not reaching a peer, it tells most. */
  refusalSince(time: number): UnreachableError | undefined {
    if (this.#refusal === undefined || this.#refusal.at < time) return undefined
    const { reason } = this.#refusal
    return new UnreachableError(reason.message, reason.facts, { cause: reason })
  }

  /** What is spent on each peer and in all. */
  get accounts(): PeerAccounts {
    return this.#host.accounts
  }

  /** Ends the listener and every connection; the node stays. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopHearing()
    await Promise.all([this.#listener?.close(), ...[...this.#dialled].map((session) => session.close())])
    const streams = [...this.#open].map((stream) => new Promise((resolve) => stream.on('close', resolve)))
    await this.#atMost(2 * CLOSE_GRACE_MS, Promise.all(streams))
    for (const stream of this.#open) stream.destroy()
  }
}

/** IPv4 addresses of this machine that others could reach. */
function localHosts(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}

/** Hints as addresses; names that can't be resolved are left out, as the DHT may still find the peer. */
async function resolveHints(hints: readonly HostPort[]): Promise<HostPort[]> {
  const resolved = hints.map(async ({ host, port }) => {
    if (isIPv4(host)) return [{ host, port }]
    const found = await lookup(host, { family: 4 }).catch(() => undefined)
    return found === undefined ? [] : [{ host: found.address, port }]
  })
  return (await Promise.all(resolved)).flat()
}
