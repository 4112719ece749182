/**
 * What a process may move over the household's line: one bucket a direction for all its connections, over whatever transport.
 *
 * Invariants:
 * - Peers on this machine are never limited; those on the local network are not unless that is asked for. Who is reached through a
 *   relay is beyond it, wherever the relay is.
 * - What is counted is what connections carry, frames included; the packets around it add some 4 %.
 */
import { ByteBudget } from '../../core/open/byte-budget.ts'
import type { CurrentLimit } from '../../core/open/limits/limit-at.ts'
import { limitAt, minuteOfWeek } from '../../core/open/limits/limit-at.ts'
import type { Timetable } from '../../core/open/limits/timetable.ts'
import type { LimitInForce, Line } from '../../ports/line.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import type { WireClock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { ByteLink } from './link.ts'
import { isLoopback, isOutside } from './outside-address.ts'
import type { LineShare } from './paced-line.ts'
import { FREE_SHARE, PacedLine } from './paced-line.ts'

/** How often a timetable is looked at, ms. */
const LOOK_MS = 1000
/**
 * Answers that a node with a limit asks for at once, bytes: so few that peers don't hold what is not fetched for long, enough to fill
 * any line that is worth limiting over a round trip of 100 ms.
 */
const MAX_ASKED_BYTES = 2 * MAX_BODY_BYTES

export interface LineLimitsOptions {
  readonly up?: Timetable | undefined
  readonly down?: Timetable | undefined
  /** Peers on the local network count too. */
  readonly lan?: boolean | undefined
  readonly clock?: WireClock
  /** The time on the wall. */
  readonly wall?: () => Date
}

/** One connection's part of the line. */
export interface Pace {
  readonly up: LineShare
  readonly down: LineShare
  /** For answers that are asked for while `down` is limited. */
  readonly asked: ByteBudget
}

/** For a connection that no limit holds for. */
export const FREE_PACE: Pace = { up: FREE_SHARE, down: FREE_SHARE, asked: new ByteBudget(Infinity) }

export class LineLimits implements Line {
  readonly #up: Scheduled | undefined
  readonly #down: Scheduled | undefined
  readonly #asked = new ByteBudget(MAX_ASKED_BYTES)
  readonly withLan: boolean

  constructor({ up, down, lan = false, clock = systemClock, wall = () => new Date() }: LineLimitsOptions) {
    this.#up = up === undefined ? undefined : new Scheduled(up, clock, wall)
    this.#down = down === undefined ? undefined : new Scheduled(down, clock, wall)
    this.withLan = lan
  }

  /** The part of the peer at the other end of this link. */
  paceOf({ remoteAddress, isRelayed = false }: Pick<ByteLink, 'remoteAddress' | 'isRelayed'>): Pace {
    const isFree = !isRelayed && (isLoopback(remoteAddress) || !(this.withLan || isOutside(remoteAddress)))
    if (isFree) return FREE_PACE
    return {
      up: this.#up?.line.share() ?? FREE_SHARE,
      down: this.#down?.line.share() ?? FREE_SHARE,
      asked: this.#asked,
    }
  }

  /** Counts bytes that went by another way than connections. */
  spend(up: number, down: number): void {
    this.#up?.line.spend(up)
    this.#down?.line.spend(down)
  }

  /** Whether more was moved in a direction than the line moves in this time. */
  owes(seconds: number): boolean {
    return this.#up?.line.owes(seconds) === true || this.#down?.line.owes(seconds) === true
  }

  get held(): Line['held'] {
    return { up: this.#up?.line.isHeld === true, down: this.#down?.line.isHeld === true }
  }

  inForce(): ReturnType<Line['inForce']> {
    const up = this.#up?.inForce()
    const down = this.#down?.inForce()
    return { ...(up === undefined ? {} : { up }), ...(down === undefined ? {} : { down }) }
  }
}

/** One direction and its timetable. */
class Scheduled {
  readonly line: PacedLine
  readonly #timetable: Timetable
  readonly #wall: () => Date
  #rate: number | undefined
  #lookAt = Number.NEGATIVE_INFINITY

  constructor(timetable: Timetable, clock: WireClock, wall: () => Date) {
    this.#timetable = timetable
    this.#wall = wall
    this.line = new PacedLine(clock, () => {
      const now = clock.now()
      if (now < this.#lookAt) return this.#rate
      this.#lookAt = now + LOOK_MS
      return (this.#rate = this.#now().rate)
    })
  }

  #now(): CurrentLimit {
    return limitAt(this.#timetable, minuteOfWeek(this.#wall()))
  }

  inForce(): LimitInForce | undefined {
    const { rate, changesIn } = this.#now()
    if (rate === undefined) return undefined
    if (changesIn === undefined) return { rate }
    const until = new Date(this.#wall())
    until.setMinutes(until.getMinutes() + changesIn, 0, 0)
    return { rate, until }
  }
}
