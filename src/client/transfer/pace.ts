import type { KnownPeer } from '../../ports/transport.ts'
import { Flow } from './flow.ts'
import type { SharedLine } from './shared-line.ts'

/** A round trip that was longer than usual moves what is known by this share: a handler's own time is in it. */
const SLOWER_WEIGHT = 0.1
/** A peer that isn't used because others do better is tried anew so often, ms. */
const EXPLORE_MS = 30_000

/** How well one peer is reached from here, as measured. */
export class Pace {
  readonly #now: () => number
  #roundTripMs: number | undefined
  #exploredAt = Number.NEGATIVE_INFINITY
  readonly down: Flow
  readonly up: Flow

  /** `now` in monotonic ms; `known` from earlier; `line`, over which all peers send to this machine. */
  constructor(now: () => number, known: KnownPeer = {}, line?: SharedLine) {
    this.#now = now
    this.#roundTripMs = known.roundTripMs
    const latency = () => this.#roundTripMs
    this.down = new Flow(now, latency, known.goodput, line)
    this.up = new Flow(now, latency, known.goodput)
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs
  }

  /** A small request took so long. */
  roundTrip(ms: number): void {
    const before = this.#roundTripMs ?? Number.POSITIVE_INFINITY
    this.#roundTripMs = ms < before ? ms : before + (ms - before) * SLOWER_WEIGHT
  }

  /** How long so many bytes will take from now on, behind what is under way, ms; `typical` bytes a second where nothing is measured. */
  expectedMs(bytes: number, typical?: number): number | undefined {
    const rate = this.down.rate ?? typical
    if (rate === undefined) return undefined
    return (this.#roundTripMs ?? 0) + ((this.down.underWay + bytes) / Math.max(rate, 1)) * 1_000
  }

  /** Whether it is time to see what this peer can do now; true once in EXPLORE_MS. */
  explore(): boolean {
    const now = this.#now()
    const { measuredAt } = this.down
    // Of who was never measured nothing bad is thought.
    if (measuredAt === undefined || now - Math.max(measuredAt, this.#exploredAt) < EXPLORE_MS) return false
    this.#exploredAt = now
    return true
  }
}
