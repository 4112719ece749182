/**
 * When a read that dawdles is raced against other holders, and how often.
 *
 * Invariant: what hedges of reads that get on may cost is at most HEDGED_SHARE of the bytes that reads brought, HEDGED_BURST, and what one hedge costs beyond
 * that. A read that gets no byte at all may be hedged beyond it: nothing travels twice while it stands still; it is charged, so that others wait longer.
 */

/** Extra bytes for each byte that was read. */
export const HEDGED_SHARE = 1 / 20
/** Extra bytes that may be spent before anything was read: four shards of 4 MiB. */
export const HEDGED_BURST = 16 * 1024 * 1024
/** As long as nothing is known of a holder, ms. */
export const UNKNOWN_MS = 1_500
/** For less a process may be held up by its own work, ms. */
export const SHORTEST_MS = 250
/** Later than expected by more than that, something is wrong, whatever was usual, ms. */
export const LATEST_MS = 20_000
/** No read takes longer than that, ms. */
export const LONGEST_MS = 60_000
/** What counts as late before enough is known: so many times as long as expected; and never less than LEAST_FACTOR. */
const FIRST_FACTOR = 3
const LEAST_FACTOR = 1.5
/** Reads that tell what is usual, and the share of them that is not late. */
const REMEMBERED = 64
const ENOUGH = 8
const USUAL = 0.95

export class Hedging {
  /** How many times as long as expected the last reads took. */
  readonly #ratios: number[] = []
  #balance = HEDGED_BURST

  /** How long to wait for a read that should take `expectedMs`, before another holder is asked; undefined for who is not known. */
  delayMs(expectedMs: number | undefined): number {
    if (expectedMs === undefined) return UNKNOWN_MS
    const usual = Math.max(expectedMs * this.#factor(), SHORTEST_MS)
    return Math.min(usual, expectedMs + LATEST_MS, LONGEST_MS)
  }

  /** A read has ended after `tookMs`, or was given up then: that says something only of one that was late already. */
  took(expectedMs: number | undefined, tookMs: number, isDone: boolean): void {
    if (expectedMs === undefined || (!isDone && tookMs < expectedMs)) return
    // Below that, neither says anything about the line.
    this.#ratios.push(Math.max(tookMs, 1) / Math.max(expectedMs, 1))
    if (this.#ratios.length > REMEMBERED) this.#ratios.shift()
  }

  /** So many bytes were read. */
  earn(bytes: number): void {
    this.#balance = Math.min(HEDGED_BURST, this.#balance + bytes * HEDGED_SHARE)
  }

  /** So many bytes that came beside others were of use after all. */
  refund(bytes: number): void {
    this.#balance = Math.min(HEDGED_BURST, this.#balance + bytes)
  }

  /** Whether a hedge that may cost so many bytes is to be made, and charges it; `stalled`: the read that it is for gets nothing. */
  spend(bytes: number, stalled = false): boolean {
    if (bytes > 0 && this.#balance < Math.min(bytes, HEDGED_BURST) && !stalled) return false
    this.#balance -= bytes
    return true
  }

  #factor(): number {
    if (this.#ratios.length < ENOUGH) return FIRST_FACTOR
    const sorted = this.#ratios.toSorted((a, b) => a - b)
    return Math.max(LEAST_FACTOR, sorted[Math.floor(sorted.length * USUAL)]!)
  }
}
