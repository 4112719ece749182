/** Shorter stretches say what came out of some queue at once, not what a line moves, ms. */
const WINDOW_MS = 1_000
/** Before the first one is over, so much of it tells enough, ms. */
const LEAST_WINDOW_MS = 250
/** With less than this part of what it was seen to move, a line has room. */
const FULL_SHARE = 1 / 2
/** The best within that counts, and within as long before, ms: a machine may move to another line. */
const MEMORY_MS = 5 * 60_000

/**
 * What all peers together send to this machine: bytes under way, and the most that its line was seen to move. Which peer gets how much of a line that is full
 * changes from moment to moment, and says little of any.
 */
export class SharedLine {
  readonly #now: () => number
  #active = 0
  #underWay = 0
  /** When bytes came last; undefined while none are awaited, and until the first ones. */
  #since: number | undefined
  #bytes = 0
  #ms = 0
  /** Bytes a second of the last window. */
  #last = 0
  #best = { now: 0, before: 0, since: Number.NEGATIVE_INFINITY }

  /** `now` in monotonic ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * How long the line would need for so many bytes beside all that is under way, ms, if it moves `atLeast` bytes a second; undefined where nothing is
   * known of it.
   */
  expectedMs(bytes: number, atLeast = 0): number | undefined {
    const capacity = this.#capacity(atLeast)
    return capacity === 0 ? undefined : ((this.#underWay + bytes) / capacity) * 1_000
  }

  /** Whether it moves about as much as it can at the moment, which is `atLeast` bytes a second: what is asked for besides only makes the rest later. */
  isFull(atLeast = 0): boolean {
    const silentMs = this.#since === undefined ? 0 : this.#now() - this.#since
    const ms = this.#ms + silentMs
    const rate = ms >= LEAST_WINDOW_MS ? (this.#bytes / ms) * 1_000 : this.#last
    return this.#active > 0 && rate >= this.#capacity(atLeast) * FULL_SHARE
  }

  #capacity(atLeast: number): number {
    const running = this.#ms >= LEAST_WINDOW_MS ? this.#rate() : 0
    return Math.max(this.#best.now, this.#best.before, running, atLeast)
  }

  /** So many bytes will be asked for. */
  expect(bytes: number): void {
    this.#underWay += bytes
  }

  /** So many of what was expected will not come any more. */
  forgo(bytes: number): void {
    this.#underWay -= bytes
  }

  /** A transfer of what was expected begins. */
  begin(): void {
    this.#active++
  }

  /** So many bytes of it are here. */
  received(bytes: number): void {
    const now = this.#now()
    this.#underWay -= bytes
    if (this.#since !== undefined) {
      this.#bytes += bytes
      this.#ms += now - this.#since
    }
    this.#since = now
    if (this.#ms >= WINDOW_MS) this.#close(now)
  }

  /** A transfer is over. */
  end(): void {
    if (--this.#active === 0) this.#since = undefined
  }

  #rate(): number {
    return (this.#bytes / this.#ms) * 1_000
  }

  #close(now: number): void {
    const age = now - this.#best.since
    if (age > MEMORY_MS) this.#best = { now: 0, before: age > 2 * MEMORY_MS ? 0 : this.#best.now, since: now }
    this.#last = this.#rate()
    this.#best.now = Math.max(this.#best.now, this.#last)
    this.#bytes = 0
    this.#ms = 0
  }
}
