import { toHex } from '../../core/open/bytes.ts'
import { AllmendError } from '../../core/open/errors.ts'
import { DAMAGE_MISSING, reportDamage } from '../../core/open/protocol/tracker-methods.ts'
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
  #count = 0

  constructor(tracker: Tracker, clock: Clock) {
    this.#tracker = tracker
    this.#clock = clock
  }

  /** Bad shards met so far. */
  get count(): number {
    return this.#count
  }

  report(provider: Uint8Array, shard: Uint8Array, what: Damage['what']): void {
    if (this.#add(provider, shard, what)) this.#count++
  }

  /** A copy wasn't there: nothing is damaged by that, and the tracker shouldn't name it any more. */
  copyIsGone(provider: Uint8Array, shard: Uint8Array): void {
    this.#add(provider, shard, DAMAGE_MISSING)
  }

  #add(provider: Uint8Array, shard: Uint8Array, what: Damage['what']): boolean {
    const key = toHex(provider) + toHex(shard)
    if (this.#known.has(key)) return false
    this.#known.add(key)
    this.#pending.push({ provider, shard, found: this.#clock.now(), what })
    return true
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
