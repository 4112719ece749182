import { toHex } from '../core/open/bytes.ts'
import { AllmendError, NotFoundError, UnreachableError } from '../core/open/errors.ts'
import type { Head } from '../core/open/objects/operation.ts'
import type { Signed } from '../core/open/objects/signed.ts'
import type { Method } from '../core/open/protocol/method.ts'
import { presentOfflineTicket, presentTicket } from '../core/open/protocol/provider-methods.ts'
import type { ProviderView } from '../core/open/protocol/tracker-methods.ts'
import { listProviders } from '../core/open/protocol/tracker-methods.ts'
import type { Clock } from '../ports/clock.ts'
import type { Answer } from '../ports/rpc.ts'
import { call } from '../ports/rpc.ts'
import type { Connection, RequestOptions, Transport } from '../ports/transport.ts'
import { BULK_BYTES } from '../ports/transport.ts'
import type { Tracker } from './tracker.ts'
import { Hedging } from './transfer/hedging.ts'
import { Peer } from './transfer/peer.ts'
import { SharedLine } from './transfer/shared-line.ts'

/** A provider that failed isn't asked first again for this long, ms. */
const SHUN_MS = 10_000
/** How old the list of providers may be before a new stripe is planned on it, ms. */
const LIST_AGE_MS = 1_000
/** Relays are tried in turn, the second one after 2.1 s; it has to have the time for its handshakes on a slow line. */
const DIAL_TIMEOUT_MS = 5_000
/** Most are reached by then: one that isn't may be gone, ms. */
const DOUBTED_MS = 1_000
/** A dead peer is noticed after 2.5 s; when nobody else answered in most of that time, it isn't the peer, ms. */
const QUIET_MS = 2_000

/** What lets its holder do something at a provider: the tracker's ticket, or one for the time without it. */
export type Pass = Signed | { readonly offline: Signed }

/**
 * Providers by id: connections to them, dialled when needed and kept, and how well each does. Invariant: a ticket is presented on a connection before
 * the first request that stands on it, and again after a reconnect.
 */
export class Providers {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #tracker: Tracker
  readonly #peers = new Map<string, Peer>()
  readonly #presented = new WeakMap<Connection, WeakMap<Pass, Promise<unknown>>>()
  readonly #onHead: (head: Head) => void
  /** When reads are raced against others. */
  readonly hedging = new Hedging()
  readonly #line: SharedLine
  /** Connections on which nothing was presented yet. */
  readonly #isNew = new WeakSet<Connection>()
  readonly #shunned = new Map<string, number>()
  /** Those that could not be dialled: while the tracker, too, says that they are down, or nothing at all, that holds for SHUN_MS. */
  readonly #undialled = new Map<string, { readonly error: UnreachableError; readonly at: number }>()
  /** Those that are being dialled, since when. */
  readonly #dialling = new Map<string, number>()
  /** Those of which there is no word of the tracker's, but what it said to an earlier process. */
  readonly #remembered = new Set<string>()
  #known = new Map<string, ProviderView>()
  #hasNews = false
  /** When a provider answered last; undefined where none ever has. */
  #answeredAt: number | undefined
  #listedAt = Number.NEGATIVE_INFINITY
  #listing: Promise<readonly ProviderView[]> | undefined

  /** `onHead` gets the newest head that a provider has cosigned, once a connection. */
  constructor(transport: Transport, clock: Clock, tracker: Tracker, onHead: (head: Head) => void) {
    this.#onHead = onHead
    this.#transport = transport
    this.#clock = clock
    this.#tracker = tracker
    this.#line = new SharedLine(() => clock.monotonic())
  }

  /** All providers of the pool; at most `LIST_AGE_MS` old, or fresh. */
  async list(fresh = false): Promise<readonly ProviderView[]> {
    if (!fresh && this.#clock.monotonic() - this.#listedAt < LIST_AGE_MS) return [...this.#known.values()]
    this.#listing ??= this.#tracker.call(listProviders, {}).then(
      ({ providers }) => {
        this.#known = new Map(providers.map((provider) => [toHex(provider.id), provider]))
        this.#remembered.clear()
        this.#hasNews = true
        this.#listedAt = this.#clock.monotonic()
        this.#listing = undefined
        return providers
      },
      (error: unknown) => {
        this.#listing = undefined
        throw error
      },
    )
    return this.#listing
  }

  /** Takes in what another answer said about providers. */
  learn(providers: readonly ProviderView[]): void {
    for (const provider of providers) {
      this.#known.set(toHex(provider.id), provider)
      this.#remembered.delete(toHex(provider.id))
    }
    this.#hasNews ||= providers.length > 0
  }

  /** Where providers were when they were heard of last: for those that nothing newer is known of. */
  remember(providers: readonly ProviderView[]): void {
    for (const provider of providers) {
      const id = toHex(provider.id)
      if (this.#known.has(id)) continue
      this.#known.set(id, provider)
      this.#remembered.add(id)
    }
  }

  /** Providers that the tracker has told of since; each asks once. */
  news(): readonly ProviderView[] {
    const news = this.#hasNews ? [...this.#known.values()] : []
    this.#hasNews = false
    return news
  }

  /** Ids of all providers that are known. */
  get ids(): readonly Uint8Array[] {
    return [...this.#known.values()].map(({ id }) => id)
  }

  nameOf(provider: Uint8Array): string {
    const id = toHex(provider)
    return this.#known.get(id)?.name ?? id.slice(0, 12)
  }

  /** Whether the provider failed us a moment ago. */
  isShunned(provider: Uint8Array): boolean {
    return this.#clock.monotonic() < (this.#shunned.get(toHex(provider)) ?? 0)
  }

  /** Whether others should be asked first: it failed us a moment ago, or has been dialled for longer than it takes to reach most. */
  isDoubtful(provider: Uint8Array): boolean {
    const since = this.#dialling.get(toHex(provider)) ?? Number.POSITIVE_INFINITY
    return this.isShunned(provider) || this.#clock.monotonic() - since >= DOUBTED_MS
  }

  shun(provider: Uint8Array): void {
    this.#shunned.set(toHex(provider), this.#clock.monotonic() + SHUN_MS)
  }

  /** Whether reads wait for a limit of this node's own line at the moment, not for providers. */
  get isHeld(): boolean {
    return this.#transport.line?.held.down === true
  }

  /** What is known of how well a provider does, and the order in which it is sent to. */
  peer(provider: Uint8Array): Peer {
    const id = toHex(provider)
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      const known = this.#transport.known?.(provider)
      peer = new Peer((signal) => this.#dial(id, provider, signal), this.#clock, known, this.#line)
      this.#peers.set(id, peer)
    }
    return peer
  }

  /** How long it takes until so many bytes of a provider are here, ms; of one that nothing is known of, as long as of others. */
  expectedMs(provider: Uint8Array, bytes: number): number | undefined {
    return this.peer(provider).pace.expectedMs(bytes, this.#typicalRate())
  }

  /** How long this machine's line would need for so many bytes beside all that is under way to it, ms; undefined where nothing is known of it. */
  lineMs(bytes: number): number | undefined {
    return this.#line.expectedMs(bytes, this.#typicalRate())
  }

  /** Whether this machine's line moves about as much as it can at the moment. */
  get isLineFull(): boolean {
    return this.#line.isFull(this.#typicalRate())
  }

  /** The middle one of all that were measured, bytes a second. */
  #typicalRate(): number | undefined {
    const rates = [...this.#peers.values()]
      .map(({ pace }) => pace.down.rate)
      .filter((rate) => rate !== undefined)
    return rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)]
  }

  /**
   * One request to a provider that stands on `pass`. A failure to reach it shuns the provider for a while. When it was this machine that was cut off, the
   * request is made again, but for one with much in it: what became of that can be asked first. Then the fact `wasCutOff` says so.
   */
  async call<Request, Response>(
    provider: Uint8Array,
    pass: Pass,
    method: Method<Request, Response>,
    request: Request,
    body?: Uint8Array,
    options?: RequestOptions,
  ): Promise<Answer<Response>> {
    const sent = body?.length ?? 0
    const present = (connection: Connection): Promise<unknown> => this.#present(connection, pass)
    return this.#attempt(provider, sent < BULK_BYTES, () =>
      this.peer(provider).ask(sent, options, present, (connection, measured) =>
        call(connection, method, request, body, { ...measured, isMovable: true }),
      ),
    )
  }

  /** Presents `pass` ahead of the requests that stand on it, which then needn't wait for that. Fails like `call`. */
  async prepare(provider: Uint8Array, pass: Pass): Promise<void> {
    await this.#attempt(provider, true, () =>
      this.peer(provider).prepare((connection) => this.#present(connection, pass)),
    )
  }

  async #attempt<Result>(
    provider: Uint8Array,
    mayRepeat: boolean,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const ask = async (): Promise<Result> => {
      const result = await run()
      this.#answeredAt = this.#clock.monotonic()
      return result
    }
    try {
      return await ask().catch((error: unknown) => {
        if (!(error instanceof UnreachableError) || !this.#isOurs(error)) throw error
        if (mayRepeat) return ask()
        throw new UnreachableError('this machine was cut off', { wasCutOff: true }, { cause: error })
      })
    } catch (error) {
      const isTheirs =
        (error instanceof UnreachableError && error.facts['wasCutOff'] !== true) ||
        (error instanceof AllmendError && error.policy === 'blame-peer')
      if (isTheirs) this.shun(provider)
      throw error
    }
  }

  /** Whether this machine rather than a provider was cut off: it moved, or nobody at all has answered for a while. */
  #isOurs(error: UnreachableError): boolean {
    if (error.facts['networkChanged'] === true) return true
    return this.#answeredAt !== undefined && this.#clock.monotonic() - this.#answeredAt > QUIET_MS
  }

  async close(): Promise<void> {
    await Promise.all([...this.#peers.values()].map((peer) => peer.close()))
  }

  async #dial(id: string, provider: Uint8Array, signal: AbortSignal): Promise<Connection> {
    if (!this.#known.has(id)) await this.list(true)
    const known = this.#known.get(id)
    if (known === undefined) throw new NotFoundError('the tracker knows no such provider', { provider })
    const failure = this.#undialled.get(id)
    const isDown = !known.up || this.#remembered.has(id)
    // A command asks it for each shard, and would wait as often.
    if (failure !== undefined && isDown && this.#clock.monotonic() - failure.at < SHUN_MS) throw failure.error
    this.#dialling.set(id, this.#clock.monotonic())
    const connection = await this.#transport
      .dial(known.address, provider, { timeoutMs: DIAL_TIMEOUT_MS, signal })
      .catch((error: unknown) => {
        if (error instanceof UnreachableError) this.#undialled.set(id, { error, at: this.#clock.monotonic() })
        throw error
      })
      .finally(() => this.#dialling.delete(id))
    this.#undialled.delete(id)
    this.#isNew.add(connection)
    return connection
  }

  #present(connection: Connection, pass: Pass): Promise<unknown> {
    let presented = this.#presented.get(connection)
    if (presented === undefined) {
      presented = new WeakMap()
      this.#presented.set(connection, presented)
    }
    let done = presented.get(pass)
    if (done === undefined) {
      done =
        'offline' in pass
          ? call(connection, presentOfflineTicket, { ticket: pass.offline })
          : this.#presentTicket(connection, pass)
      presented.set(pass, done)
      const known = presented
      done.catch(() => known.delete(pass))
    }
    return done
  }

  async #presentTicket(connection: Connection, ticket: Signed): Promise<void> {
    const isFirst = this.#isNew.delete(connection)
    const { head } = (await call(connection, presentTicket, { ticket })).value
    if (isFirst && head !== undefined) this.#onHead(head)
  }
}
