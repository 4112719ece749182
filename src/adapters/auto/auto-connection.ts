import type { AllmendError } from '../../core/open/errors.ts'
import { UnreachableError } from '../../core/open/errors.ts'
import type { Connection, Message, RequestOptions } from '../../ports/transport.ts'
import type { WireClock } from '../wire/clock.ts'
import { BULK_BYTES, GoodputMeter } from './goodput-meter.ts'
import type { PathMemory, Way } from './path-memory.ts'

/** An exchange of this size tells the round trip. */
const SMALL_BYTES = 4096
/** How long a connection that is not to be used any more may be without requests before it is closed. */
const RETIRED_IDLE_MS = 5000

export interface AutoConnectionParts {
  readonly inner: Connection
  readonly way: Way
  readonly peerId: Uint8Array
  readonly memory: PathMemory
  readonly clock: WireClock
}

/** A connection that measures itself, and says when another way to its peer would be better. */
export class AutoConnection implements Connection {
  readonly way: Way
  readonly inner: Connection
  /** Clock time when it was made. */
  readonly since: number
  readonly #o: AutoConnectionParts
  readonly #meter: GoodputMeter
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
    const { memory, peerId, way, clock } = parts
    this.#meter = new GoodputMeter(
      () => clock.now(),
      (perSecond) => {
        if (memory.measured(peerId, way, perSecond)) this.#retiring = true
      },
    )
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
    this.#cancelIdle?.()
    this.#open++
    if (isBulk) this.#meter.begin()
    let moved = 0
    try {
      const answer = await this.inner.request(method, message, options)
      moved = sent + answer.body.length
      if (moved + message.head.length + answer.head.length <= SMALL_BYTES)
        this.#noteRoundTrip(this.#o.clock.now() - started)
      return answer
    } catch (error) {
      if (this.#dropped && error instanceof UnreachableError)
        throw new UnreachableError('the network changed', { networkChanged: true }, { cause: error })
      throw error
    } finally {
      if (isBulk) this.#meter.end(moved)
      if (--this.#open === 0 && this.#retiring) this.#closeWhenIdle()
    }
  }

  /** The least of all says most: a handler's own time is in it. */
  #noteRoundTrip(ms: number): void {
    if (ms >= this.#leastMs) return
    this.#leastMs = ms
    this.#o.memory.roundTrip(this.#o.peerId, this.way, ms)
  }

  #closeWhenIdle(): void {
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
