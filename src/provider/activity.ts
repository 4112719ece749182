import type { Clock } from '../ports/clock.ts'
import type { Route } from '../ports/rpc.ts'
import { slept } from '../ports/slept.ts'

/** When this provider last served somebody: what can wait goes behind that. */
export class Activity {
  readonly #clock: Clock
  #last = -Infinity
  #serving = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The same route, noticed. */
  watch({ id, serve }: Route): Route {
    return {
      id,
      serve: async (request) => {
        this.#serving++
        try {
          return await serve(request)
        } finally {
          this.#serving--
          this.#last = this.#clock.monotonic()
        }
      },
    }
  }

  /** Resolves when nobody was served for `ms`, or after `longest` ms, or when the signal aborts. */
  async quiet(ms: number, longest: number, signal: AbortSignal): Promise<void> {
    const end = this.#clock.monotonic() + longest
    for (;;) {
      const now = this.#clock.monotonic()
      const left = this.#serving > 0 ? ms : this.#last + ms - now
      if (left <= 0 || now >= end) return
      if (!(await slept(this.#clock, Math.min(left, end - now), signal))) return
    }
  }
}
