/**
 * One direction of a household's line: who has bytes to move asks for them and is called when it is his turn.
 *
 * Invariants:
 * - The turn goes to whoever of those that wait has moved the least since all began to wait, so connections share the line by bytes,
 *   whatever the number and size of what each asks for; what one asks for is served in the order of asking.
 * - What can't wait is counted all the same: a debt that others wait for.
 * - Without a rate everybody is served at once, also those that waited when the limit ended.
 */
import type { WireClock } from './clock.ts'
import { TokenBucket } from './token-bucket.ts'

const MIN_SLICE_BYTES = 4 * 1024
const MAX_SLICE_BYTES = 64 * 1024
/** What one turn takes of the line: so little that 42 connections at the smallest rate all have three turns in 15 s. */
const SLICE_SECONDS = 1 / 16
/** The line may owe so much, in seconds of it, before small messages wait as bulk does. */
const URGENT_DEBT_SECONDS = 1
/** What may be under way to one who asked for it, in seconds of the line: longer than a round trip. */
const AHEAD_SECONDS = 1
/** A timetable may change the rate while somebody waits. */
const LONGEST_WAIT_MS = 1000

interface Ask {
  readonly bytes: number
  readonly run: () => void
}

/** One connection's part in a direction. */
export interface LineShare {
  /** Whether there is a limit at the moment. */
  readonly isLimited: boolean
  /** Bytes that one turn should move. */
  readonly slice: number
  /** Bytes that may be granted to a sender and not have arrived. */
  readonly ahead: number
  /** Calls `run` when so many bytes may go, once, perhaps at once; returns what takes the wish back. */
  ask(bytes: number, run: () => void): () => void
  /** As `ask` does, but at once while the line owes little. */
  askSoon(bytes: number, run: () => void): () => void
  /** Counts bytes that didn't ask; negative for what was asked for and not used. */
  spend(bytes: number): void
  /** Forgets what waits. */
  close(): void
}

/** For peers that no limit holds for. */
export const FREE_SHARE: LineShare = {
  isLimited: false,
  slice: MAX_SLICE_BYTES,
  ahead: Number.POSITIVE_INFINITY,
  ask: runNow,
  askSoon: runNow,
  spend: () => {},
  close: () => {},
}

function runNow(_bytes: number, run: () => void): () => void {
  run()
  return () => {}
}

class Share implements LineShare {
  readonly #line: PacedLine
  readonly waiting = new Set<Ask>()
  /** What it has moved, as the line counts: see there. */
  moved = 0

  constructor(line: PacedLine) {
    this.#line = line
  }

  get isLimited(): boolean {
    return this.#line.rate !== undefined
  }

  get slice(): number {
    const { rate } = this.#line
    return rate === undefined
      ? MAX_SLICE_BYTES
      : Math.floor(Math.min(MAX_SLICE_BYTES, Math.max(MIN_SLICE_BYTES, rate * SLICE_SECONDS)))
  }

  get ahead(): number {
    const { rate } = this.#line
    return rate === undefined ? Number.POSITIVE_INFINITY : Math.max(MAX_SLICE_BYTES, rate * AHEAD_SECONDS)
  }

  ask(bytes: number, run: () => void): () => void {
    const ask: Ask = { bytes, run }
    this.waiting.add(ask)
    this.#line.enter(this)
    return () => this.waiting.delete(ask)
  }

  askSoon(bytes: number, run: () => void): () => void {
    if (this.#line.owes(URGENT_DEBT_SECONDS)) return this.ask(bytes, run)
    this.#line.spend(bytes)
    return runNow(bytes, run)
  }

  spend(bytes: number): void {
    this.#line.spend(bytes)
  }

  close(): void {
    this.waiting.clear()
  }
}

export class PacedLine {
  readonly #clock: WireClock
  readonly #rate: () => number | undefined
  readonly #bucket: TokenBucket
  /** Those with something that waits, or that had when it was looked last. */
  readonly #waiting = new Set<Share>()
  /** `moved` of the one served last: who begins to wait starts from there. */
  #served = 0
  #isServing = false
  #cancelTimer: (() => void) | undefined

  /** `rate` is asked often: bytes a second, or undefined for no limit. */
  constructor(clock: WireClock, rate: () => number | undefined) {
    this.#clock = clock
    this.#rate = rate
    this.#bucket = new TokenBucket(() => clock.now())
  }

  share(): LineShare {
    return new Share(this)
  }

  get rate(): number | undefined {
    return this.#rate()
  }

  /** Whether anything waits for the limit at the moment, or what went before it has to be made up for. */
  get isHeld(): boolean {
    const { rate } = this
    if (rate === undefined) return false
    for (const { waiting } of this.#waiting) if (waiting.size > 0) return true
    return this.#bucket.left(rate) < 0
  }

  /** Whether more is owed than the line moves in this time. */
  owes(seconds: number): boolean {
    const { rate } = this
    return rate !== undefined && this.#bucket.left(rate) < -rate * seconds
  }

  spend(bytes: number): void {
    const { rate } = this
    if (rate === undefined) return
    this.#bucket.left(rate)
    this.#bucket.take(bytes)
  }

  /** For shares that begin to wait, or wait for more. */
  enter(share: Share): void {
    if (!this.#waiting.has(share)) {
      share.moved = Math.max(share.moved, this.#served)
      this.#waiting.add(share)
    }
    this.#serve()
  }

  #serve(): void {
    if (this.#isServing) return
    this.#isServing = true
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    try {
      while (this.#serveOne()) {
        // Each may ask for more.
      }
    } finally {
      this.#isServing = false
    }
  }

  /** False when nobody waits, or the next has to wait longer. */
  #serveOne(): boolean {
    const share = this.#next()
    const ask = share?.waiting.values().next().value
    if (share === undefined || ask === undefined) return false
    const { rate } = this
    if (rate !== undefined) {
      const needed = Math.min(ask.bytes, TokenBucket.burst(rate))
      const missing = needed - this.#bucket.left(rate)
      if (missing > 0) {
        const ms = Math.min(LONGEST_WAIT_MS, Math.ceil((missing / rate) * 1000))
        this.#cancelTimer = this.#clock.after(ms, () => this.#serve())
        return false
      }
      this.#bucket.take(ask.bytes)
    }
    share.waiting.delete(ask)
    this.#served = share.moved
    share.moved += ask.bytes
    ask.run()
    return true
  }

  #next(): Share | undefined {
    let next: Share | undefined
    for (const share of this.#waiting) {
      if (share.waiting.size === 0) this.#waiting.delete(share)
      else if (next === undefined || share.moved < next.moved) next = share
    }
    return next
  }
}
