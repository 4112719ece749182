/** Least burst, bytes: one frame of the largest kind. */
const MIN_BURST_BYTES = 16 * 1024
/** What may go at once after a pause: short enough that a line never feels it, long enough for late timers. */
const BURST_SECONDS = 0.25

/**
 * Counts bytes against a rate. Invariant: what is taken while `left` is positive is, over any time t, at most rate * t, the burst, and the
 * last thing that was taken; anything more makes a debt, which is paid before `left` is positive again.
 */
export class TokenBucket {
  readonly #now: () => number
  #left = Number.POSITIVE_INFINITY
  #at: number

  constructor(now: () => number) {
    this.#now = now
    this.#at = now()
  }

  /** The most that can be left at a rate. */
  static burst(rate: number): number {
    return Math.max(MIN_BURST_BYTES, rate * BURST_SECONDS)
  }

  /** Bytes that may go now at `rate` bytes a second, negative for a debt; without a rate there is no end of them, and no debt. */
  left(rate: number | undefined): number {
    const now = this.#now()
    if (rate === undefined) this.#left = Number.POSITIVE_INFINITY
    else this.#left = Math.min(TokenBucket.burst(rate), this.#left + ((now - this.#at) / 1000) * rate)
    this.#at = now
    return this.#left
  }

  take(bytes: number): void {
    this.#left -= bytes
  }
}
