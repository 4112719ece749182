import type { AllmendError } from '../../core/open/errors.ts'
import { UnreachableError } from '../../core/open/errors.ts'
import type { Connection, Message, RequestOptions } from '../../ports/transport.ts'
import { BULK_BYTES } from '../../ports/transport.ts'
import type { WireClock } from '../wire/clock.ts'
import type { MeteredBody } from './goodput-meter.ts'
import type { PathMemory, Way } from './path-memory.ts'
import type { PathMeter } from './path-meter.ts'

/** An exchange of this size tells the round trip. */
const SMALL_BYTES = 4096
/**
 * What bodies over TLS may still take together, when UDP is to be tried; those that would take longer go anew, ms. Short, as what was measured may be
 * the quick start of what is about to crawl.
 */
const REST_MS = 500
/** How long a connection that is not to be used any more may be without requests before it is closed. */
const RETIRED_IDLE_MS = 5000

export interface AutoConnectionParts {
  readonly inner: Connection
  readonly way: Way
  readonly peerId: Uint8Array
  readonly memory: PathMemory
  readonly meter: PathMeter
  readonly clock: WireClock
}

/** A body, sent or to be received, that can still go another way. */
interface Movable {
  readonly length: number
  moved: number
  readonly stop: AbortController
}

/** A connection that measures itself, and says when another way to its peer would be better. */
export class AutoConnection implements Connection {
  readonly way: Way
  readonly inner: Connection
  /** Clock time when it was made. */
  readonly since: number
  readonly #o: AutoConnectionParts
  readonly #movable = new Set<Movable>()
  #open = 0
  #retiring = false
  #dropped = false
  #leastMs = Number.POSITIVE_INFINITY
  #cancelIdle: (() => void) | undefined

  constructor(parts: AutoConnectionParts) {
    this.#o = parts
    this.way = parts.way
    this.inner = parts.inner
    this.since = parts.clock.now()
  }

  get peerKey(): Uint8Array {
    return this.inner.peerKey
  }

  get remoteAddress(): string {
    return this.inner.remoteAddress
  }

  get closed(): Promise<AllmendError | undefined> {
    return this.inner.closed
  }

  get isLimited(): boolean {
    return this.inner.isLimited === true
  }

  get retiring(): boolean {
    return this.#retiring
  }

  async request(method: number, message: Message, options: RequestOptions = {}): Promise<Message> {
    const started = this.#o.clock.now()
    const bytes = Math.max(message.body.length, options.expectBodyBytes ?? 0)
    // What a limit of our own lets through says nothing of the way.
    const isBulk = bytes >= BULK_BYTES && !this.isLimited
    const sent = message.body.length
    // It was chosen before it was left, and has waited for something small since.
    const mayMove = isBulk && this.way === 'tls' && options.isMovable === true
    if (this.#retiring && mayMove) throw elsewhere()
    this.#cancelIdle?.()
    this.#open++
    const metered = isBulk ? this.#o.meter.begin() : undefined
    const movable = mayMove ? this.#begin(sent + (options.expectBodyBytes ?? 0)) : undefined
    let moved: number | undefined
    try {
      const followed = metered === undefined ? options : this.#followed(sent, options, metered, movable)
      const answer = await this.inner.request(method, message, followed)
      moved = sent + answer.body.length
      if (moved + message.head.length + answer.head.length <= SMALL_BYTES)
        this.#noteRoundTrip(this.#o.clock.now() - started)
      return answer
    } catch (error) {
      if (movable?.stop.signal.aborted === true && options.signal?.aborted !== true) throw elsewhere(error)
      if (this.#dropped && error instanceof UnreachableError)
        throw new UnreachableError('the network changed', { networkChanged: true }, { cause: error })
      throw error
    } finally {
      if (movable !== undefined) this.#movable.delete(movable)
      metered?.end(moved)
      if (--this.#open === 0 && this.#retiring) this.#closeWhenIdle()
    }
  }

  #begin(length: number): Movable {
    const movable = { length, moved: 0, stop: new AbortController() }
    this.#movable.add(movable)
    return movable
  }

  #followed(
    sent: number,
    options: RequestOptions,
    metered: MeteredBody,
    movable: Movable | undefined,
  ): RequestOptions {
    const moved = (total: number): void => {
      if (movable !== undefined) movable.moved = total
      metered.moved(total)
    }
    const onReceived = (total: number): void => {
      options.onReceived?.(total)
      moved(sent + total)
    }
    const onSent = (total: number): void => {
      options.onSent?.(total)
      // UDP takes more than it sends in the next seconds: what it took says nothing before it is answered.
      if (this.way === 'tls') moved(total)
    }
    const signals = [options.signal, movable?.stop.signal].filter((signal) => signal !== undefined)
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
    return { ...options, onSent, onReceived, ...(signal === undefined ? {} : { signal }) }
  }

  /** Whoever needs the peer again dials again; bodies that would be long on their way are given back to be asked for anew. */
  retire(perSecond: number): void {
    this.#retiring = true
    let left = (perSecond * REST_MS) / 1000
    for (const { length, moved, stop } of this.#movable)
      if (length - moved > left) stop.abort()
      else left -= length - moved
    if (this.#open === 0) this.#closeWhenIdle()
  }

  /** The least of all says most: a handler's own time is in it. */
  #noteRoundTrip(ms: number): void {
    if (ms >= this.#leastMs) return
    this.#leastMs = ms
    this.#o.memory.roundTrip(this.#o.peerId, this.way, ms)
  }

  #closeWhenIdle(): void {
    this.#cancelIdle?.()
    this.#cancelIdle = this.#o.clock.after(RETIRED_IDLE_MS, () => void this.close())
  }

  /** Ends it because this machine's network is another now; whoever waits for an answer may ask again over a new one. */
  drop(): Promise<void> {
    this.#dropped = true
    return this.close()
  }

  close(): Promise<void> {
    this.#cancelIdle?.()
    return this.inner.close()
  }
}

/** Whoever waits may ask again at once, over a new connection. */
function elsewhere(cause?: unknown): UnreachableError {
  return new UnreachableError('another way to the peer is tried', { networkChanged: true }, { cause })
}
