import { CancelledError } from '../../core/open/errors.ts'
import { orAborted } from '../../ports/aborted.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TrackerEvents } from '../tracker-events.ts'
import type { TrackerLog } from './tracker-log.ts'

/** A batch waits no longer than this after its first entry, ms. */
export const MAX_BATCH_MS = 5_000

/** Seals each batch in time, until the signal aborts; never throws. */
export async function keepSealing(
  log: TrackerLog,
  clock: Clock,
  events: Pick<TrackerEvents, 'sealFailed'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await orAborted(log.batchBegun(), signal)
    try {
      await clock.sleep(MAX_BATCH_MS, signal)
      if (log.hasBatch) log.seal()
    } catch (error) {
      if (error instanceof CancelledError && signal.aborted) return
      events.sealFailed(error)
    }
  }
}
