import { toHex } from '../../core/open/bytes.ts'
import { AllmendError } from '../../core/open/errors.ts'
import { reportDamage } from '../../core/open/protocol/tracker-methods.ts'
import type { Damage } from '../../core/open/protocol/tracker-methods.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Tracker } from '../tracker.ts'

/** Damages of one request. */
const AT_ONCE = 256

/** Collects bad shards as they are met and tells the tracker, each once. */
export class DamageReporter {
  readonly #tracker: Tracker
  readonly #clock: Clock
  readonly #known = new Set<string>()
  #pending: Damage[] = []

  constructor(tracker: Tracker, clock: Clock) {
    this.#tracker = tracker
    this.#clock = clock
  }

  /** Bad shards met so far. */
  get count(): number {
    return this.#known.size
  }

  report(provider: Uint8Array, shard: Uint8Array, what: Damage['what']): void {
    const key = toHex(provider) + toHex(shard)
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.#pending.push({ provider, shard, found: this.#clock.now(), what })
  }

  /**
   * Sends what was collected. A tracker that can't be reached must not fail a read that succeeded, so that failure is
   * returned, not thrown; the damage will be met again.
   */
  async flush(): Promise<AllmendError | undefined> {
    try {
      while (this.#pending.length > 0) {
        await this.#tracker.call(reportDamage, { damaged: this.#pending.slice(0, AT_ONCE) })
        this.#pending = this.#pending.slice(AT_ONCE)
      }
      return undefined
    } catch (error) {
      if (error instanceof AllmendError) return error
      throw error
    }
  }
}
