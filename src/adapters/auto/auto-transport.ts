/**
 * TLS and UDP as one transport: it dials both ways, keeps the connection that is there first, and learns which way does better.
 *
 * Invariants:
 * - A connection goes one way from its beginning to its end; one that should go another way is `retiring`, so that whoever needs
 *   the peer again dials again. Bodies on a TLS connection that crawls are given back to be sent anew: what went in its first seconds is
 *   sent twice.
 * - What a peer may spend is bounded over both ways together where both share their accounts.
 * - UDP is loaded when it is needed: to listen, or to dial a peer that TLS doesn't reach at once.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { CancelledError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import { hostPortOfAddress, keyOfAddress, parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import type { Line } from '../../ports/line.ts'
import type { Connection, DialOptions, Listener, ListenOptions, Transport } from '../../ports/transport.ts'
import type { Attempt } from '../wire/first-of.ts'
import { firstOf } from '../wire/first-of.ts'
import { parseAddress } from '../wire/address.ts'
import type { WireClock } from '../wire/clock.ts'
import { systemClock } from '../wire/clock.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { wasRefused } from '../wire/socket-error.ts'
import { AutoConnection } from './auto-connection.ts'
import { listenBoth } from './listen-both.ts'
import type { KnownPath, Way } from './path-memory.ts'
import { PathMemory } from './path-memory.ts'
import { PathMeter } from './path-meter.ts'
import type { UdpWay } from './udp-way.ts'

const DIAL_TIMEOUT_MS = 10_000
/** Who moved within a LAN leaves an address where nobody answers, which a system notices after 3 s. */
const ELSEWHERE_AFTER_MS = 1500
const NEVER = new AbortController().signal
/** A way that another was quicker than leads somewhere if it is there within this: a busy machine is slow with handshakes, too. */
const LATE_MS = 1000
/** A node asks another one so often under which address it is seen. */
const NOTICED_WITHIN_MS = 5000

export interface AutoTransportOptions {
  /** Raw Ed25519 net key. */
  readonly publicKey: Uint8Array
  readonly tls?: Transport
  /** Makes the UDP side, once; throws UnreachableError while that isn't possible, and is asked again then. */
  readonly udp?: () => Promise<UdpWay>
  /** Another address of a peer that wasn't reached at this one. */
  readonly elsewhere?: (peerId: Uint8Array, address: string) => Promise<string | undefined>
  /** What an earlier process knew of the ways. */
  readonly memory?: PathMemory
  /** The limits that both ways keep to. */
  readonly line?: Line | undefined
  /** Called once all is closed. */
  readonly onClosed?: () => Promise<void>
  readonly clock?: WireClock
}

interface AttemptOptions {
  readonly way: Way
  readonly peerId: Uint8Array
  readonly isOnly: boolean
  /** The other way is only tried because this one took its time. */
  readonly hasHeadStart: boolean
  /** Ends the attempt. */
  readonly signal: AbortSignal
  /** Aborted before `signal` where nobody wants the connection any more. */
  readonly givenUp: AbortSignal
}

/** How a connection reaches its peer. */
export interface Path extends KnownPath {
  /** The other end as seen from here: the peer, or a relay. */
  readonly remoteAddress: string
}

export class AutoTransport implements Transport {
  readonly kind = 'auto'
  readonly publicKey: Uint8Array
  readonly line: Line | undefined
  readonly #tls: Transport | undefined
  readonly #makeUdp: (() => Promise<UdpWay>) | undefined
  readonly #clock: WireClock
  readonly #onClosed: (() => Promise<void>) | undefined
  readonly #elsewhere: AutoTransportOptions['elsewhere']
  readonly #memory: PathMemory
  readonly #live = new Set<AutoConnection>()
  /** What ends attempts that are late, each with what it does then. */
  readonly #late = new Map<AbortController, Promise<void>>()
  /** By way and peer, while connections are there. */
  readonly #meters = new Map<string, PathMeter>()
  #udp: Promise<UdpWay> | undefined
  /** The UDP side once it is there. */
  #ready: UdpWay | undefined
  #udpProblem: UnreachableError | undefined
  #closed = false

  constructor(options: AutoTransportOptions) {
    const { publicKey, tls, udp, memory, elsewhere, onClosed, clock = systemClock } = options
    this.#elsewhere = elsewhere
    this.publicKey = publicKey
    this.line = options.line
    this.#tls = tls
    this.#makeUdp = udp
    this.#clock = clock
    this.#onClosed = onClosed
    this.#memory = memory ?? new PathMemory(clock)
  }

  /**
   * Listens every way that there is, over UDP where its node is bound. `address` is `host:port` for TLS; over TLS too the port of UDP is taken where it is left open, so
   * that one number says both. The listener's address names both ways.
   */
  async listen(options: ListenOptions): Promise<Listener> {
    if (this.#closed) throw new UnreachableError('the transport is closed')
    const at = parseAddress(hostPortOfAddress(options.address) ?? '')
    const udp = this.#makeUdp === undefined ? undefined : await this.#udpToListen()
    return listenBoth(this.#tls, udp, at, options)
  }

  /** TLS alone is better than nothing where UDP can't be had at the moment; `udpProblem` says why. */
  async #udpToListen(): Promise<UdpWay | undefined> {
    try {
      return await this.#startUdp()
    } catch (error) {
      if (this.#tls === undefined || !(error instanceof UnreachableError)) throw error
      this.#udpProblem = error
      return undefined
    }
  }

  /** Why this node listens over TLS alone, though it should over UDP too. */
  get udpProblem(): UnreachableError | undefined {
    return this.#udpProblem
  }

  async dial(address: string, peerId: Uint8Array, options: DialOptions = {}): Promise<Connection> {
    const elsewhere = this.#elsewhere
    if (elsewhere === undefined) return this.#dial(address, peerId, options)
    const { signal = NEVER } = options
    if (signal.aborted) throw new CancelledError('cancelled before dialling', {}, { cause: signal.reason })
    const giveUp = new AbortController()
    const onAbort = (): void =>
      giveUp.abort(new CancelledError('cancelled while dialling', {}, { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true })
    const at = async (place: string | undefined, ended: AbortSignal): Promise<Connection> => {
      if (place === undefined || this.#closed) throw new UnreachableError('nobody knows another address')
      const connection = await this.#dial(place, peerId, { ...options, signal: ended })
      // The other address may answer in the same moment.
      if (ended.aborted) void connection.close()
      return connection
    }
    const attempts: Attempt<Connection>[] = [
      { afterMs: 0, run: (ended) => at(address, ended) },
      {
        afterMs: ELSEWHERE_AFTER_MS,
        run: async (ended) => at(await elsewhere(peerId, address), ended).catch(asHint),
      },
    ]
    try {
      return await firstOf(attempts, this.#clock, giveUp.signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #dial(address: string, peerId: Uint8Array, options: DialOptions): Promise<Connection> {
    const parts = parsePeerAddress(address)
    const key = keyOfAddress(parts)
    const { signal, timeoutMs = DIAL_TIMEOUT_MS } = options
    if (this.#closed) throw new UnreachableError('the transport is closed')
    if (signal?.aborted === true)
      throw new CancelledError('cancelled before dialling', {}, { cause: signal.reason })
    if (key !== undefined && !equalBytes(sha256PeerId(key), peerId))
      throw new UntrustedError('the address is of another key', { address, expected: toHex(peerId) })
    const giveUp = new AbortController()
    const attempts = this.#attempts(parts, peerId, { ...options, timeoutMs }, giveUp.signal)
    const cancelTimer = this.#clock.after(timeoutMs, () =>
      giveUp.abort(new UnreachableError('no connection in time', { address, timeoutMs })),
    )
    const onAbort = (): void =>
      giveUp.abort(new CancelledError('cancelled while dialling', {}, { cause: signal?.reason }))
    signal?.addEventListener('abort', onAbort, { once: true })
    const started = this.#clock.now()
    try {
      const connection = await firstOf(attempts, this.#clock, giveUp.signal)
      this.#keep(connection, peerId)
      return connection
    } catch (error) {
      throw error instanceof UnreachableError
        ? (this.#ready?.transport.refusalSince(started) ?? error)
        : error
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #attempts(
    { tls, udp }: { readonly tls?: string; readonly udp?: string },
    peerId: Uint8Array,
    options: DialOptions,
    givenUp: AbortSignal,
  ): Attempt<AutoConnection>[] {
    const { first, otherAfterMs } = this.#memory.order(peerId)
    const ways: { readonly way: Way; readonly dial: (options: DialOptions) => Promise<Connection> }[] = []
    const over = this.#tls
    if (over !== undefined && tls !== undefined)
      ways.push({ way: 'tls', dial: (how) => over.dial(tls, peerId, how) })
    if (this.#makeUdp !== undefined && udp !== undefined)
      ways.push({
        way: 'udp',
        dial: async (how) => (await this.#startUdp()).transport.dial(udp, peerId, how),
      })
    if (ways.length === 0)
      throw new UnreachableError(
        over === undefined
          ? 'this peer takes connections over TLS only, and this node dials over UDP only'
          : 'this peer takes connections over UDP only, and this node dials over TLS only',
      )
    if (ways[0]?.way !== first) ways.reverse()
    const isOnly = ways.length === 1
    return ways.map(({ way, dial }, i) => ({
      afterMs: i === 0 ? 0 : otherAfterMs,
      run: (signal) => {
        const hasHeadStart = i === 0 && !isOnly
        return this.#attempt({ way, peerId, isOnly, hasHeadStart, signal, givenUp }, (ended) =>
          dial({ ...options, signal: ended }),
        )
      },
    }))
  }

  async #attempt(
    { way, peerId, isOnly, hasHeadStart, signal, givenUp }: AttemptOptions,
    dial: (signal: AbortSignal) => Promise<Connection>,
  ): Promise<AutoConnection> {
    const ended = new AbortController()
    const dialled = dial(ended.signal)
    signal.addEventListener(
      'abort',
      () => {
        if (hasHeadStart && !givenUp.aborted)
          this.#awaitLate(dialled, ended, () => this.#memory.failed(peerId, way))
        else ended.abort()
      },
      { once: true },
    )
    try {
      const inner = await dialled
      // The other way may win in the same moment.
      if (signal.aborted) void inner.close()
      else signal.addEventListener('abort', () => void inner.close(), { once: true })
      return this.#metered(inner, way, peerId, isOnly)
    } catch (error) {
      if (!signal.aborted && !wasRefused(error)) this.#memory.failed(peerId, way)
      // Behind the same host and port somebody else may answer: the other way leads to the right one, or to nobody.
      if (!isOnly) asHint(error)
      throw error
    }
  }

  /** The way that was to be first has lost: it has failed if it doesn't lead anywhere in a moment either, or before all ends. */
  #awaitLate(dialled: Promise<Connection>, ended: AbortController, failed: () => void): void {
    const cancel = this.#clock.after(LATE_MS, () => ended.abort())
    const done = dialled.then(
      () => undefined,
      (error: unknown) => {
        if (!wasRefused(error)) failed()
      },
    )
    this.#late.set(
      ended,
      done.finally(() => {
        cancel()
        this.#late.delete(ended)
      }),
    )
  }

  #metered(inner: Connection, way: Way, peerId: Uint8Array, isOnly: boolean): AutoConnection {
    const [memory, clock, path] = [this.#memory, this.#clock, `${way} ${toHex(peerId)}`]
    const meter = this.#meters.get(path) ?? new PathMeter(memory, peerId, way, clock)
    meter.isOnly = isOnly
    this.#meters.set(path, meter)
    const connection = new AutoConnection({ inner, way, peerId, memory, meter, clock })
    const leave = meter.join(connection)
    void inner.closed.then(() => {
      if (leave() && this.#meters.get(path) === meter) this.#meters.delete(path)
    })
    return connection
  }

  #keep(connection: AutoConnection, peerId: Uint8Array): void {
    const { way } = connection
    this.#memory.connected(peerId, way, this.#ready?.transport.path(connection.inner)?.relayed)
    this.#live.add(connection)
    void connection.closed.then(() => this.#live.delete(connection))
  }

  /** How this connection, which `dial` gave, reaches its peer; undefined for another. */
  path(connection: Connection): Path | undefined {
    if (!(connection instanceof AutoConnection)) return undefined
    const { way } = connection
    const known = this.#memory.known(sha256PeerId(connection.peerKey), way)
    const udp = this.#ready?.transport.path(connection.inner)
    return {
      ...known,
      way,
      relayed: udp?.relayed === true,
      remoteAddress: connection.remoteAddress,
      ...(udp === undefined || known?.roundTripMs !== undefined ? {} : { roundTripMs: udp.roundTripMs }),
    }
  }

  /** What is known of the way to a peer that was used last. */
  known(peerId: Uint8Array): KnownPath | undefined {
    return this.#memory.known(peerId)
  }

  /** Makes the UDP side where it isn't there yet, for what else stands on its node; throws UnreachableError where there can be none. */
  async startUdp(): Promise<void> {
    await this.#startUdp()
  }

  #startUdp(): Promise<UdpWay> {
    if (this.#makeUdp === undefined) throw new UnreachableError('this node has no UDP')
    // What begins now nobody would end.
    if (this.#closed) throw new UnreachableError('the transport is closed')
    if (this.#udp === undefined) {
      const starting = this.#makeUdp()
      this.#udp = starting
      starting.then(
        (udp) => {
          this.#ready = udp
          udp.onNetworkChange(() => this.#moved())
        },
        () => {
          if (this.#udp === starting) this.#udp = undefined
        },
      )
    }
    return this.#udp
  }

  /**
   * Connections don't survive another address of ours: they end now, not when somebody has waited for an answer in vain. Those that
   * are younger than the news may be of the new network; if not, their silence ends them soon.
   */
  #moved(): void {
    this.#memory.forget()
    const before = this.#clock.now() - NOTICED_WITHIN_MS
    for (const connection of this.#live) if (connection.since <= before) void connection.drop()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const ended of this.#late.keys()) ended.abort()
    await Promise.all(this.#late.values())
    const udp = await this.#udp?.catch(() => undefined)
    await Promise.all([this.#tls?.close(), udp?.transport.close()])
    await udp?.close()
    await this.#onClosed?.()
  }
}

/** Whoever answers at an address that is only a hint says nothing of the peer. */
function asHint(error: unknown): never {
  if (!(error instanceof UntrustedError)) throw error
  throw new UnreachableError('somebody else answers there', {}, { cause: error })
}
