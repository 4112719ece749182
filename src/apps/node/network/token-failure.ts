import { UnreachableError, UntrustedError } from '../../../core/open/errors.ts'

/** What to tell a person whose token led to nobody, or to somebody else: what happened, and what to do. Other errors come back as they are. */
export function tokenFailure(error: unknown, address: string): unknown {
  if (error instanceof UnreachableError)
    return new UnreachableError(
      `the tracker at ${address} can't be reached: ${error.message}. The token is still good: look whether the tracker runs, and whether that is its address from here`,
      { address },
      { cause: error },
    )
  if (error instanceof UntrustedError)
    return new UntrustedError(
      `this token doesn't fit who answers at ${address}: ${error.message}. Copy it once more, as a whole; if that doesn't help, ask for a new one`,
      { address },
      { cause: error },
    )
  return error
}
