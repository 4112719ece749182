import { CancelledError } from '../../../core/open/errors.ts'
import type { Clock } from '../../../ports/clock.ts'

/** A clock that moves when told to; `hasty`: whenever somebody sleeps, by just that. */
export class StepClock implements Clock {
  readonly #hasty: boolean
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  #now = 1_800_000_000_000

  constructor(hasty = false) {
    this.#hasty = hasty
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  get sleepers(): number {
    return this.#sleepers.size
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) throw new CancelledError('stopped')
    if (this.#hasty) {
      this.#now += ms
      await new Promise((resolve) => setImmediate(resolve))
      return
    }
    await new Promise<void>((resolve, reject) => {
      const sleeper = { until: this.#now + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(new CancelledError('stopped'))
      })
    })
  }

  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of this.#sleepers)
      if (sleeper.until <= this.#now) {
        this.#sleepers.delete(sleeper)
        sleeper.wake()
      }
  }
}
