import { setTimeout as delay } from 'node:timers/promises'
import { CancelledError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'

/** The system's clock. */
export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (cause) {
      if (signal?.aborted === true) throw new CancelledError('stopped while waiting', {}, { cause })
      throw cause
    }
  },
}
