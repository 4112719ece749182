import type { SharedLine } from './shared-line.ts'

/** A sample closes after so much busy time, or so many bytes. */
const WINDOW_MS = 100
const WINDOW_BYTES = 1024 * 1024
/** How fast a sample replaces what was known: by the time that it took, and at least by this share. */
const MEMORY_MS = 1_000
const LEAST_WEIGHT = 0.25
/** Silence in the middle of a transfer that says something about the line, ms. */
const STALL_MS = 500

/**
 * What moves in one direction between this machine and one peer: bytes under way, and bytes a second while any are. The time until
 * the first byte of a busy period is the round trip's, as far as that is known, and not the line's.
 */
export class Flow {
  readonly #now: () => number
  readonly #latency: () => number | undefined
  readonly #line: SharedLine | undefined
  #active = 0
  #underWay = 0
  /** Until when time has been counted; in the future where the answer can't be here yet. */
  #since = 0
  #isWaiting = false
  #bytes = 0
  #ms = 0
  #rate: number | undefined
  #measuredAt: number | undefined

  /** `now` in monotonic ms; `latency`, ms, undefined while unknown; `rate` in bytes a second, as known from before; `line`, which this is a part of. */
  constructor(now: () => number, latency: () => number | undefined, rate?: number, line?: SharedLine) {
    this.#now = now
    this.#latency = latency
    this.#line = line
    this.#rate = rate
    if (rate !== undefined) this.#measuredAt = now()
  }

  /** Bytes that were asked for or are to be sent, and haven't moved. */
  get underWay(): number {
    return this.#underWay
  }

  /** When it was measured last, monotonic ms. */
  get measuredAt(): number | undefined {
    return this.#measuredAt
  }

  /** Bytes a second as of now: a silence counts while it lasts. */
  get rate(): number | undefined {
    const silent = this.#active === 0 ? 0 : this.#now() - this.#since
    if (silent < STALL_MS) return this.#rate
    const now = ((this.#bytes + 1) / (this.#ms + silent)) * 1_000
    return this.#rate === undefined ? now : Math.min(now, this.#rate)
  }

  /** So many bytes will be asked for, or sent. */
  expect(bytes: number): void {
    this.#underWay += bytes
    this.#line?.expect(bytes)
  }

  /** So many of what was expected will not move any more. */
  forgo(bytes: number): void {
    this.#underWay -= bytes
    this.#line?.forgo(bytes)
  }

  /** A transfer of what was expected begins. */
  begin(): void {
    this.#line?.begin()
    if (this.#active++ > 0) return
    this.#since = this.#now() + (this.#latency() ?? 0)
    this.#isWaiting = true
  }

  /** So many bytes of it have moved. */
  moved(bytes: number): void {
    this.#line?.received(bytes)
    const now = this.#now()
    if (this.#isWaiting && (this.#latency() === undefined || now < this.#since)) this.#since = now
    this.#isWaiting = false
    this.#underWay -= bytes
    this.#bytes += bytes
    this.#count(now)
    if (this.#ms >= WINDOW_MS || this.#bytes >= WINDOW_BYTES) this.#close()
  }

  /** A transfer is over. */
  end(): void {
    this.#line?.end()
    this.#count(this.#now())
    if (--this.#active === 0 && this.#ms >= WINDOW_MS) this.#close()
  }

  #count(now: number): void {
    this.#ms += Math.max(0, now - this.#since)
    this.#since = Math.max(now, this.#since)
  }

  #close(): void {
    const sample = (this.#bytes / Math.max(this.#ms, 1)) * 1_000
    const weight = Math.max(LEAST_WEIGHT, 1 - Math.exp(-this.#ms / MEMORY_MS))
    this.#rate = this.#rate === undefined ? sample : this.#rate + (sample - this.#rate) * weight
    this.#measuredAt = this.#now()
    this.#bytes = 0
    this.#ms = 0
  }
}
