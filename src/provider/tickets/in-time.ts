import { DeniedError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'

/** Seconds that a provider's clock and the tracker's may differ: machines at home without a time service drift by this. */
export const CLOCK_SKEW_SECONDS = 60

/** Throws DeniedError for a ticket that has expired, or is good for more than `maxSeconds` from now. */
export function requireInTime(state: { readonly clock: Clock }, notAfter: number, maxSeconds: number): void {
  const now = Math.floor(state.clock.now() / 1_000)
  if (notAfter > now + maxSeconds + CLOCK_SKEW_SECONDS)
    throw new DeniedError('this ticket is valid for longer than any may be: are both clocks right?', {
      notAfter,
      now,
    })
  if (isExpired(state, notAfter)) throw new DeniedError('this ticket has expired', { notAfter, now })
}

/** Whether a ticket good until `notAfter` (Unix seconds) has expired. */
export function isExpired(state: { readonly clock: Clock }, notAfter: number): boolean {
  return Math.floor(state.clock.now() / 1_000) > notAfter + CLOCK_SKEW_SECONDS
}
