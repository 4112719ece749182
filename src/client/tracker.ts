import { BusyError, UnreachableError } from '../core/open/errors.ts'
import type { Method } from '../core/open/protocol/method.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Answer } from '../ports/rpc.ts'
import { call } from '../ports/rpc.ts'
import type { Connection, DialOptions, RequestOptions, Transport } from '../ports/transport.ts'

/** How long a command waits for a tracker that is restarting before it gives up, ms, unless it is told. */
const PATIENCE_MS = 20_000
/** A tracker that was away a moment ago gets one more chance of so long, ms. */
const AWAY_DIAL_MS = 2_000
/** The first pause before the tracker is asked again; each further one is twice as long, up to the last, ms. */
const FIRST_PAUSE_MS = 125
const LAST_PAUSE_MS = 2_000

export interface TrackerParts {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** The tracker's `host:port` and peer id. */
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  /** How long to wait for a tracker that is away, ms; default 20 s. */
  readonly trackerWaitMs?: number | undefined
}

/** Who answers a tracker's methods: the tracker, or what was kept of its answers. */
export type TrackerCalls = Pick<Tracker, 'call'>

/**
 * The tracker as the client sees it: one connection that is dialled when needed and again when it broke. Every tracker
 * method is idempotent, so a request whose outcome is unknown is simply sent again. All members lose a tracker at once: pauses
 * grow, and differ by chance, so that they don't all come back at once.
 */
export class Tracker {
  readonly address: string
  readonly peerId: Uint8Array
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #random: Random
  readonly #patienceMs: number
  /** A dial by itself ends within the time to wait, and in a transport's own time at most. */
  readonly #dialOptions: DialOptions
  #connection: Promise<Connection> | undefined
  /** Connections in a row that failed without an answer. */
  #failures = 0
  #hasAnswered = false
  /** Nobody waited in vain for it since it answered last. */
  #isPatient = true
  #closed = false

  constructor({ transport, clock, random, tracker, trackerWaitMs = PATIENCE_MS }: TrackerParts) {
    this.#transport = transport
    this.#clock = clock
    this.#random = random
    this.#patienceMs = trackerWaitMs
    this.#dialOptions =
      trackerWaitMs < PATIENCE_MS ? { timeoutMs: Math.max(trackerWaitMs, AWAY_DIAL_MS) } : {}
    this.address = tracker.address
    this.peerId = tracker.peerId
  }

  /** Whether it has answered anything so far. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** The tracker is likely to be away: it is tried, and not waited for. */
  expectAway(): void {
    this.#isPatient = false
  }

  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Response> {
    return (await this.ask(method, request, options)).value
  }

  /** The answer with its bytes. */
  async ask<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Answer<Response>> {
    const deadline = this.#clock.monotonic() + (this.#isPatient ? this.#patienceMs : 0)
    for (let attempt = 1; ; attempt++) {
      const dialled = this.#connect()
      try {
        const answer = await call(await dialled, method, request, undefined, options)
        this.#failures = 0
        this.#hasAnswered = true
        this.#isPatient = true
        return answer
      } catch (error) {
        // Other errors that time may cure are the caller's to wait for: he knows what for and how long.
        if (!(error instanceof UnreachableError || error instanceof BusyError) || this.#closed) throw error
        if (error instanceof UnreachableError) this.#drop(dialled)
        const left = deadline - this.#clock.monotonic()
        if (left <= 0) {
          if (!(error instanceof UnreachableError)) throw error
          this.#isPatient = false
          throw new UnreachableError(
            `the tracker at ${this.address} can't be reached; nothing was lost. Run the command again when it is back; \`allmend doctor\` says what is in the way`,
            { address: this.address },
            { cause: error },
          )
        }
        const pause = this.#pause(error instanceof UnreachableError ? this.#failures : attempt)
        await this.#clock.sleep(Math.min(pause, left), options?.signal)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  /** Between half and all of what doubles with each failure. */
  #pause(failures: number): number {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1), LAST_PAUSE_MS)
    return Math.ceil((longest / 2) * (1 + this.#random.bytes(1)[0]! / 255))
  }

  #connect(): Promise<Connection> {
    if (this.#connection === undefined) {
      const dialled = this.#transport.dial(
        this.address,
        this.peerId,
        this.#isPatient ? this.#dialOptions : { timeoutMs: AWAY_DIAL_MS },
      )
      this.#connection = dialled
      dialled.then(
        (connection) => connection.closed.then(() => this.#drop(dialled)),
        () => this.#drop(dialled),
      )
    }
    return this.#connection
  }

  /** Forgets a connection that failed, once, and none that was dialled since: many requests fail with one connection. */
  #drop(dialled: Promise<Connection>): void {
    if (this.#connection !== dialled) return
    this.#connection = undefined
    this.#failures++
    // A request that timed out may have left it open; one that was never made has nothing to close.
    dialled.then(
      (connection) => connection.close(),
      () => undefined,
    )
  }
}
