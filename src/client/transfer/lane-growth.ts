/**
 * Connections to one peer at most. A peer takes 8 from each of us, over all our processes: two that move much and two more can work at the
 * same time.
 */
export const MAX_LANES = 3
/** Nearer than that one connection fills any line: 4 MiB each 20 ms are 1.7 Gbit/s. */
const FAR_MS = 20
/** What one UDX stream may have unacknowledged; TCP's limits are of the same order, bytes. */
export const WINDOW_BYTES = 4 * 1024 * 1024
/** One more connection has to be worth that much. */
const PAYS = 1.2
/** How long it takes until the rate tells what the last one was worth: slow start, and the memory of the measurement. */
const SETTLED_MS = 3_000
/** For so long nothing more is tried where one more didn't pay, or was refused. */
const AGAIN_MS = 10 * 60_000

/** Decides when one more connection to a peer is opened. */
export class LaneGrowth {
  readonly #now: () => number
  /** Bytes a second before the last was opened, and when that was. */
  #last: { readonly rate: number; readonly at: number } | undefined
  #notBefore = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether to open one beside `lanes` that are there, with so many bytes under way over all; true means that it is opened. */
  isWorthIt(
    lanes: number,
    underWay: number,
    rate: number | undefined,
    roundTripMs: number | undefined,
  ): boolean {
    const now = this.#now()
    if (lanes === 0 || lanes >= MAX_LANES || now < this.#notBefore) return false
    // What is under way must keep all busy.
    if (underWay <= lanes * WINDOW_BYTES) return false
    if (roundTripMs === undefined || roundTripMs < FAR_MS || rate === undefined) return false
    if (lanes > 1 && this.#last !== undefined) {
      if (now - this.#last.at < SETTLED_MS) return false
      if (rate < this.#last.rate * PAYS) {
        this.#notBefore = now + AGAIN_MS
        return false
      }
    }
    this.#last = { rate, at: now }
    return true
  }

  /** One more couldn't be had. */
  refused(): void {
    this.#notBefore = this.#now() + AGAIN_MS
  }
}
