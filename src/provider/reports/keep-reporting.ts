/**
 * The heartbeat: once a second, over one connection that is made anew whenever it breaks. Invariants:
 * - it ends only when its signal aborts: a tracker that is away, restarting or refusing is asked again, ever.
 * - the provider registers again on its first connection: what changed since the last start becomes known.
 */
import type { Connection } from '../../ports/transport.ts'
import type { ProviderState } from '../provider-state.ts'
import { report } from './report.ts'
import { slept } from '../../ports/slept.ts'

/** A provider counts as up while its last report is under 3 s old. */
export const REPORT_INTERVAL_MS = 1_000
/** Between attempts to reach the tracker: doubled from the first to the last. */
export const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2_000

export interface ReportingOptions {
  /** For the log. */
  readonly trackerAddress: string
  readonly dial: (signal: AbortSignal) => Promise<Connection>
  /** Makes this provider's record known over a connection; called until it succeeded once. */
  readonly announce: (connection: Connection, signal: AbortSignal) => Promise<void>
  readonly pid?: number
  /** The first answered report; later ones aren't told. */
  readonly onFirstReport?: () => void
  /** The tracker has answered a report after it was away: what else waits for it needn't wait longer. */
  readonly onReturn?: () => void
}

/** Reports until `signal` aborts; never throws. */
export async function keepReporting(
  state: ProviderState,
  options: ReportingOptions,
  signal: AbortSignal,
): Promise<void> {
  let announced = false
  let reported = false
  let isAway = false
  let retryMs = FIRST_RETRY_MS
  const reached = (): void => {
    retryMs = FIRST_RETRY_MS
    if (!reported) options.onFirstReport?.()
    else if (isAway) options.onReturn?.()
    reported = true
    isAway = false
  }
  while (!signal.aborted) {
    let connection: Connection | undefined
    try {
      connection = await options.dial(signal)
      if (!announced) await options.announce(connection, signal)
      announced = true
      state.events.trackerReached(options.trackerAddress)
      for (;;) {
        await report(state, connection, options.pid, signal)
        reached()
        await state.clock.sleep(REPORT_INTERVAL_MS, signal)
      }
    } catch (error) {
      if (signal.aborted) return
      isAway = true
      state.events.trackerLost(options.trackerAddress, error, retryMs)
    } finally {
      await connection?.close()
    }
    if (!(await slept(state.clock, retryMs, signal))) return
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)
  }
}
