import { AllmendError, DeniedError } from '../../core/open/errors.ts'

/** Whether a provider refused because it has heard of its tracker lately; the fact `wait` is for how many seconds more. */
export function isTooEarly(error: unknown): error is AllmendError {
  return error instanceof AllmendError && error.code === 'denied' && typeof error.facts['wait'] === 'number'
}

/** What that refusal means to who reads. */
export function servedLater(cause: AllmendError): DeniedError {
  const { wait = 0 } = cause.facts
  return new DeniedError(
    `the tracker can't be reached, and providers serve without it only when they have lost it for a while: try again in ${String(wait)} s`,
    { wait },
    { cause },
  )
}
