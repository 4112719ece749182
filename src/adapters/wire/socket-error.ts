/** What the system refused a socket, in words that say what to do. */
import { UnreachableError } from '../../core/open/errors.ts'

const LISTEN: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has this port; stop that one, or take another port',
  EADDRNOTAVAIL: 'this machine has no such address; take one that it has, or 0.0.0.0 for all of them',
  EACCES: 'this user may not take that port; take one above 1023',
  ENOTFOUND: 'this name is not known; take an IP address of this machine, or 0.0.0.0 for all of them',
}

const CONNECT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the other side hung up',
  EHOSTUNREACH: 'there is no way to that host from here',
  ENETUNREACH: 'there is no way there from here; is this machine connected to a network?',
  ETIMEDOUT: 'nobody answers',
  ENOTFOUND: 'this name is not known',
  EAI_AGAIN: 'the name can’t be looked up; is this machine connected to a network?',
}

/** That nothing can listen at this address. */
export function cannotListen(address: string, cause: unknown): UnreachableError {
  const why = LISTEN[codeOf(cause) ?? ''] ?? textOf(cause)
  return new UnreachableError(`can’t listen at ${address}: ${why}`, { address }, { cause })
}

/** That no connection to this address came about. */
export function cannotConnect(address: string, cause?: unknown): UnreachableError {
  if (cause === undefined) return new UnreachableError('cannot connect', { address })
  return new UnreachableError(`cannot connect: ${socketReason(cause)}`, { address }, { cause })
}

/** Why a socket failed, in plain words; the system's own where none are known. */
export function socketReason(error: unknown): string {
  return CONNECT[codeOf(error) ?? ''] ?? textOf(error)
}

/** Whether the other host said that nothing listens there: a program that is being started again, sooner than a way that leads nowhere. */
export function wasRefused(error: unknown): boolean {
  return codeOf(error instanceof UnreachableError ? error.cause : error) === 'ECONNREFUSED'
}

/** The system's code of a failure, also where a library has wrapped it. */
function codeOf(error: unknown): string | undefined {
  // What several addresses of a name failed with is one error of many: the first tells.
  if (error instanceof AggregateError && error.message === '') return codeOf(error.errors[0])
  if (!(error instanceof Error)) return undefined
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' ? (codeOf(error) ?? error.name) : error.message
}
