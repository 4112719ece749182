import { AllmendError, CapacityError, InternalError } from '../../core/open/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** The system's name of what went wrong (`ENOSPC`), or an empty string. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** The first error of several that hang together. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError ? error.errors[0] : error
}

/** The typed error for a failed disk operation: CapacityError when the disk is full, else InternalError. */
export function diskError(operation: string, cause: unknown): AllmendError {
  if (cause instanceof AllmendError) return cause
  const errno = errnoOf(firstOf(cause))
  if (FULL.has(errno)) return new CapacityError('the disk is full', { operation, errno }, { cause })
  return new InternalError(`the disk failed to ${operation}`, { operation, errno }, { cause })
}
