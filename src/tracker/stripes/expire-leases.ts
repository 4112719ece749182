import type { Clock } from '../../ports/clock.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'

/** Stripes dropped at once: 256 of 14 shards keep the transaction under a tenth of a second. */
const MAX_EXPIRED_AT_ONCE = 256
/** How long after a lease's end its last write ticket may still be honoured: clocks differ, tickets count whole seconds. */
export const LEASE_GRACE_MS = 5_000
/** Leases are looked at this often, ms. */
const EXPIRY_INTERVAL_MS = 1_000

/** A step that drops what leases that are over held, a batch at a time; made to be called along with every report. */
export function leaseExpiry(store: TrackerStore, clock: Clock): () => void {
  let next = Number.NEGATIVE_INFINITY
  return () => {
    const now = clock.monotonic()
    if (now < next) return
    const more = store.write(({ stripes }) =>
      stripes.expire(clock.now() - LEASE_GRACE_MS, MAX_EXPIRED_AT_ONCE),
    )
    if (!more) next = now + EXPIRY_INTERVAL_MS
  }
}
