import type { WireClock } from './clock.ts'

interface Timer {
  at: number
  readonly every: number | undefined
  readonly run: () => void
}

/** A clock that moves when told to, for tests. */
export class ManualClock implements WireClock {
  #now = 0
  readonly #timers = new Set<Timer>()

  /** Timers that would still run. */
  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: undefined, run })
  }

  every(ms: number, run: () => void): () => void {
    return this.#add({ at: this.#now + ms, every: ms, run })
  }

  /** Runs what falls due on the way, each in its time. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#now = Math.max(this.#now, next.at)
      this.#fire(next)
    }
    this.#now = end
  }

  /** As for a process that was stopped meanwhile: what fell due runs once, at the end. */
  skip(ms: number): void {
    this.#now += ms
    for (const timer of this.#timers) if (timer.at <= this.#now && this.#timers.has(timer)) this.#fire(timer)
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #fire(timer: Timer): void {
    if (timer.every === undefined) this.#timers.delete(timer)
    else timer.at = this.#now + timer.every
    timer.run()
  }
}
