import { toHex } from '../../core/open/bytes.ts'
import { unitsOf } from '../../core/open/placement/provider-weight.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'

/** Counting goes over all shards; what a provider is believed may lag so long, ms. */
const COUNT_EVERY_MS = 600_000

/**
 * What each provider is known to hold: whole shards that writers had acknowledged by it and that nobody found damaged. Weaker than an
 * audit: a provider that acknowledges and keeps nothing is believed until somebody reads.
 */
export class ProvenShards {
  readonly #clock: Clock
  #countedAt = Number.NEGATIVE_INFINITY
  #units: ReadonlyMap<string, number> = new Map()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** In units. */
  of(tables: TrackerReader, provider: Uint8Array): number {
    const now = this.#clock.monotonic()
    if (now - this.#countedAt >= COUNT_EVERY_MS) {
      this.#countedAt = now
      this.#units = new Map(
        tables.stripes.storedBy().map(({ provider: id, goodBytes }) => [toHex(id), unitsOf(goodBytes)]),
      )
    }
    return this.#units.get(toHex(provider)) ?? 0
  }
}
