import { AllmendError } from '../../core/open/errors.ts'

/** Whether a provider refused because it has heard of its tracker lately; the fact `wait` is for how many seconds more. */
export function isTooEarly(error: unknown): error is AllmendError {
  return error instanceof AllmendError && error.code === 'denied' && typeof error.facts['wait'] === 'number'
}
