/** In which half of what was served is forgotten: long enough for a home's line, on which one shard of 4 MiB takes seconds. */
export const HEAT_HALF_LIFE_MS = 5 * 60_000

/** Bytes served, fading: those of `HEAT_HALF_LIFE_MS` ago count half. Times are monotonic ms. */
export class Heat {
  #bytes: number
  #at: number

  constructor(bytes: number, now: number) {
    this.#bytes = bytes
    this.#at = now
  }

  at(now: number): number {
    return this.#bytes * 2 ** (-Math.max(0, now - this.#at) / HEAT_HALF_LIFE_MS)
  }

  add(bytes: number, now: number): void {
    this.#bytes = this.at(now) + bytes
    this.#at = Math.max(this.#at, now)
  }
}
