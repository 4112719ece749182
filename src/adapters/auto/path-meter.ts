import type { WireClock } from '../wire/clock.ts'
import type { MeteredBody } from './goodput-meter.ts'
import { GoodputMeter } from './goodput-meter.ts'
import type { PathMemory, Way } from './path-memory.ts'

/** Who moves bytes over a path; `retire` when another way to the peer is better than these bytes a second. */
interface Moving {
  retire(bytesPerSecond: number): void
}

/** What all connections to a peer that go one way move together: each for itself would seem slower the more there are. */
export class PathMeter {
  readonly #meter: GoodputMeter
  readonly #moving = new Set<Moving>()
  /** The peer can be reached no other way from here, as far as the newest connection knows: nothing retires. */
  isOnly = false

  constructor(memory: PathMemory, peerId: Uint8Array, way: Way, clock: WireClock) {
    this.#meter = new GoodputMeter(
      () => clock.now(),
      (perSecond) => {
        if (!memory.measured(peerId, way, perSecond, this.isOnly)) return
        for (const moving of this.#moving) moving.retire(perSecond)
      },
    )
  }

  /** A connection goes this way, until the function that is returned is called: it is true for the last one. */
  join(moving: Moving): () => boolean {
    this.#moving.add(moving)
    return () => this.#moving.delete(moving) && this.#moving.size === 0
  }

  begin(): MeteredBody {
    return this.#meter.begin()
  }
}
