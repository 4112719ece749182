/**
 * Connections to one peer at most: one for what is small, two for the rest. A peer takes 8 from each of us, over all our processes: two that move
 * much and two more can work at the same time.
 */
export const MAX_LANES = 3
/** Nearer than that one connection fills any line (4 MiB each 20 ms are 1.7 Gbit/s), and nothing waits long behind others, ms. */
const FAR_MS = 20
/** Behind so much a small request waits for longer than a far peer's round trip, bytes: 80 ms at 100 Mbit/s. */
const BULKY_BYTES = 1024 * 1024
/** What one UDX stream may have unacknowledged; TCP's limits are of the same order, bytes. */
export const WINDOW_BYTES = 4 * 1024 * 1024
/** One more connection for what is large has to be worth that much. */
const PAYS = 1.2
/** How long it takes until the rate tells what there is worth: slow start, and the memory of the measurement. */
const SETTLED_MS = 3_000
/** For so long nothing more is tried where one more didn't pay, or was refused. */
const AGAIN_MS = 10 * 60_000

/** Decides when one more connection to a peer is opened. */
export class LaneGrowth {
  readonly #now: () => number
  /** Connections there were when their number changed last, when that was, and bytes a second before. */
  #last = { lanes: 0, at: 0, rate: 0 }
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether to open one beside `lanes` that are there, with so many bytes under way over all. */
  isWorthIt(
    lanes: number,
    underWay: number,
    rate: number | undefined,
    roundTripMs: number | undefined,
  ): boolean {
    const now = this.#now()
    if (lanes === 0 || lanes >= MAX_LANES || now < this.#notBefore) return false
    if (roundTripMs === undefined || roundTripMs < FAR_MS) return false
    if (lanes === 1) return underWay >= BULKY_BYTES
    if (this.#last.lanes !== lanes) this.#last = { lanes, at: now, rate: this.#last.rate }
    // What is under way must keep all busy.
    if (underWay <= (lanes - 1) * WINDOW_BYTES || rate === undefined || now - this.#last.at < SETTLED_MS)
      return false
    if (rate < this.#last.rate * PAYS) {
      this.#notBefore = now + AGAIN_MS
      return false
    }
    this.#last = { lanes: lanes + 1, at: now, rate }
    return true
  }

  /** One more couldn't be had. */
  refused(): void {
    this.#notBefore = this.#now() + AGAIN_MS
  }
}
