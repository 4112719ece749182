/**
 * Which providers are up: their connection lives and their last report is younger than `REPORT_TIMEOUT_MS`. Kept in memory
 * only: after a restart a provider is down until it reports again.
 */
import { toHex } from '../../core/open/bytes.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Connection } from '../../ports/transport.ts'
import type { TrackerEvents } from '../tracker-events.ts'

/** Three reports at one a second. */
export const REPORT_TIMEOUT_MS = 3_000

export interface ProviderReport {
  readonly capacity: number
  readonly used: number
  readonly shards: number
  readonly pid: number | undefined
}

interface Seen extends ProviderReport {
  readonly connection: Connection | undefined
  /** Monotonic milliseconds; undefined where it hasn't reported. */
  readonly at: number | undefined
}

export class Presence {
  readonly #clock: Clock
  readonly #events: Pick<TrackerEvents, 'providerUp' | 'providerGone'>
  readonly #seen = new Map<string, Seen>()

  constructor(clock: Clock, events: Pick<TrackerEvents, 'providerUp' | 'providerGone'>) {
    this.#clock = clock
    this.#events = events
  }

  /** A provider reported over this connection; the end of the connection takes it down at once. */
  report(provider: Uint8Array, connection: Connection, report: ProviderReport): void {
    const key = toHex(provider)
    const before = this.#seen.get(key)
    this.#seen.set(key, { ...report, connection, at: this.#clock.monotonic() })
    if (before?.connection === connection) return
    this.#events.providerUp(provider)
    void connection.closed.then(() => {
      const now = this.#seen.get(key)
      if (now?.connection !== connection) return
      this.#seen.set(key, { ...now, connection: undefined })
      this.#events.providerGone(provider)
    })
  }

  /** What was known of a provider before it reported: shown, but never up. */
  recall(provider: Uint8Array, report: ProviderReport): void {
    this.#seen.set(toHex(provider), { ...report, connection: undefined, at: undefined })
  }

  isUp(provider: Uint8Array): boolean {
    const seen = this.#seen.get(toHex(provider))
    if (seen?.connection === undefined || seen.at === undefined) return false
    return this.#clock.monotonic() - seen.at < REPORT_TIMEOUT_MS
  }

  /** Milliseconds since its last report; undefined where it hasn't reported. */
  reportedAgo(provider: Uint8Array): number | undefined {
    const at = this.#seen.get(toHex(provider))?.at
    return at === undefined ? undefined : Math.round(this.#clock.monotonic() - at)
  }

  last(provider: Uint8Array): ProviderReport | undefined {
    return this.#seen.get(toHex(provider))
  }
}
