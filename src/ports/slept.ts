import { CancelledError } from '../core/open/errors.ts'
import type { Clock } from './clock.ts'

/** Sleeps; false when the signal ended the sleep. */
export async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal)
    return true
  } catch (error) {
    if (error instanceof CancelledError) return false
    throw error
  }
}
