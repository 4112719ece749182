import { AllmendError, UnreachableError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { slept } from '../../ports/slept.ts'
import type { Connection } from '../../ports/transport.ts'
import type { Flow } from './flow.ts'
import { LaneGrowth } from './lane-growth.ts'
import type { Pace } from './pace.ts'

/** How long a further connection may be without requests before it is closed, ms. */
const IDLE_MS = 10_000

/** Dials the peer, at most until the signal. */
export type Dial = (signal: AbortSignal) => Promise<Connection>

interface Lane {
  readonly connection: Connection
  /** Requests, and their bytes, that are under way. */
  requests: number
  bytes: number
}

/** A connection to ask over; `done` when the answer is here. */
export interface Taken {
  readonly connection: Connection
  readonly done: () => void
}

/**
 * The connections to one peer: one, dialled when it is needed, and more while that pays. Each request goes over the one with the fewest bytes under way;
 * where there are several, what is large leaves the first one to what is small.
 * Invariant: a connection that is closed, or `retiring`, is given to nobody.
 */
export class Lanes {
  readonly #dial: Dial
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #growth: LaneGrowth
  readonly #stop = new AbortController()
  #lanes: Lane[] = []
  #first: Promise<Lane> | undefined
  #isGrowing = false

  constructor(dial: Dial, clock: Clock, pace: Pace) {
    this.#dial = dial
    this.#clock = clock
    this.#pace = pace
    this.#growth = new LaneGrowth(() => clock.monotonic())
  }

  /** Connections that are there. */
  get count(): number {
    return this.#lanes.length
  }

  /** The best connection for a request that moves so many bytes, in this flow. */
  async take(bytes: number, flow?: Flow): Promise<Taken> {
    const isLarge = flow !== undefined
    let lane = this.#least(isLarge)
    while (lane === undefined) {
      if (this.#stop.signal.aborted) throw closed()
      await this.#firstOne()
      lane = this.#least(isLarge)
    }
    const taken = lane
    taken.requests++
    taken.bytes += bytes
    if (flow !== undefined) this.#grow(flow)
    return {
      connection: taken.connection,
      done: () => {
        taken.requests--
        taken.bytes -= bytes
        if (taken.requests === 0 && this.#lanes.length > 1) void this.#closeIdle(taken)
      },
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    const first = await this.#first?.catch(() => undefined)
    const all = new Set([...this.#lanes, ...(first === undefined ? [] : [first])])
    await Promise.all([...all].map(({ connection }) => connection.close()))
  }

  /** Presents something on each connection that is there, on the first one once it is. */
  async prepare(present: (connection: Connection) => Promise<unknown>): Promise<void> {
    const { connection, done } = await this.take(0)
    try {
      await Promise.all([connection, ...this.#lanes.map((lane) => lane.connection)].map(present))
    } finally {
      done()
    }
  }

  #least(isLarge: boolean): Lane | undefined {
    this.#lanes = this.#lanes.filter(({ connection }) => connection.retiring !== true)
    const lanes = isLarge && this.#lanes.length > 1 ? this.#lanes.slice(1) : this.#lanes
    return lanes.toSorted((a, b) => a.bytes - b.bytes || a.requests - b.requests)[0]
  }

  #firstOne(): Promise<Lane> {
    if (this.#first === undefined) {
      const first = this.#open()
      this.#first = first
      const over = () => {
        if (this.#first === first) this.#first = undefined
      }
      first.then(over, over)
    }
    return this.#first
  }

  async #open(): Promise<Lane> {
    const { signal } = this.#stop
    const connection = await this.#dial(signal).catch((cause: unknown) => {
      throw signal.aborted ? closed(cause) : cause
    })
    const lane: Lane = { connection, requests: 0, bytes: 0 }
    if (this.#stop.signal.aborted) await connection.close()
    else this.#lanes.push(lane)
    void connection.closed.then(() => this.#forget(lane))
    return lane
  }

  #forget(lane: Lane): void {
    this.#lanes = this.#lanes.filter((other) => other !== lane)
  }

  /** Opens another connection where that may pay; whoever asks now doesn't wait for it. */
  #grow({ rate }: Flow): void {
    if (this.#isGrowing) return
    const underWay = this.#lanes.reduce((sum, { bytes }) => sum + bytes, 0)
    const { roundTripMs } = this.#pace
    if (!this.#growth.isWorthIt(this.#lanes.length, underWay, rate, roundTripMs)) return
    this.#isGrowing = true
    this.#open()
      .catch((error: unknown) => {
        // The peer has no more for us, or is going: what is there has to do.
        if (!(error instanceof AllmendError)) throw error
        this.#growth.refused()
      })
      .finally(() => (this.#isGrowing = false))
  }

  async #closeIdle(lane: Lane): Promise<void> {
    const isIdle = () => lane.requests === 0 && this.#lanes.length > 1 && this.#lanes.includes(lane)
    if (!(await slept(this.#clock, IDLE_MS, this.#stop.signal)) || !isIdle()) return
    this.#forget(lane)
    await lane.connection.close()
  }
}

function closed(cause?: unknown): UnreachableError {
  return new UnreachableError('the client is closed', {}, { cause })
}
