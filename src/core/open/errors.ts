/**
 * Errors are types that carry facts and a policy. Invariants:
 * - `code` is stable: it crosses process boundaries and is what callers and scripts match on.
 * - `policy` says what a caller may do without asking: `retry` (same request, same or other peer, later), `blame-peer`
 *   (the peer broke a promise: remember it, ask another), `stop` (asking again cannot help).
 * - `facts` hold plain values only (strings, numbers, booleans, byte strings), never plaintext, names or keys.
 */

export type ErrorPolicy = 'retry' | 'blame-peer' | 'stop'

export type ErrorFacts = Readonly<Record<string, string | number | boolean | Uint8Array>>

/** Base of every error that Allmend throws on purpose; anything else is a bug. */
export abstract class AllmendError extends Error {
  abstract readonly code: ErrorCode
  abstract readonly policy: ErrorPolicy
  readonly facts: ErrorFacts

  constructor(message: string, facts: ErrorFacts = {}, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.facts = facts
  }
}

/** Bytes that don't follow their format or exceed its limits: file, frame, object. */
export class MalformedError extends AllmendError {
  readonly code = 'malformed'
  readonly policy = 'blame-peer'
}

/** Well-formed bytes that fail verification: a hash, a signature, a key, a place that doesn't fit. */
export class UntrustedError extends AllmendError {
  readonly code = 'untrusted'
  readonly policy = 'blame-peer'
}

/** A shard whose stored bytes no longer match its id. */
export class DamagedShardError extends AllmendError {
  readonly code = 'damaged-shard'
  readonly policy = 'blame-peer'
}

/** Too few shards of a stripe can be had now; `missing` more providers would be enough. */
export class NotEnoughShardsError extends AllmendError {
  readonly code = 'not-enough-shards'
  readonly policy = 'retry'
}

/** Too few providers are up, or none has room, for what was asked. */
export class NotEnoughProvidersError extends AllmendError {
  readonly code = 'not-enough-providers'
  readonly policy = 'retry'
}

/** A quota, a disk or a budget is used up. */
export class CapacityError extends AllmendError {
  readonly code = 'capacity'
  readonly policy = 'stop'
}

/** What was named doesn't exist (or may not be seen). */
export class NotFoundError extends AllmendError {
  readonly code = 'not-found'
  readonly policy = 'stop'
}

/** The caller lacks the right, the ticket or the key. */
export class DeniedError extends AllmendError {
  readonly code = 'denied'
  readonly policy = 'stop'
}

/** Somebody else was first: base version, name, counter or lease don't fit any more. */
export class ConflictError extends AllmendError {
  readonly code = 'conflict'
  readonly policy = 'stop'
}

/** The caller's own argument is unusable. */
export class UsageError extends AllmendError {
  readonly code = 'usage'
  readonly policy = 'stop'
}

/** The peer can't be reached, the connection broke, or no answer came in time: the outcome is unknown. */
export class UnreachableError extends AllmendError {
  readonly code = 'unreachable'
  readonly policy = 'retry'
}

/** The peer is too busy or its budget for us is used up; the request had no effect. */
export class BusyError extends AllmendError {
  readonly code = 'busy'
  readonly policy = 'retry'
}

/** The caller gave up (AbortSignal). */
export class CancelledError extends AllmendError {
  readonly code = 'cancelled'
  readonly policy = 'stop'
}

/** A folder on disk is held by another process, of a newer version, or not what its name says. */
export class FolderError extends AllmendError {
  readonly code = 'folder'
  readonly policy = 'stop'
}

/** The log has two histories, or claims one that isn't ours: nothing is written until a person has decided. */
export class ForkedError extends AllmendError {
  readonly code = 'forked'
  readonly policy = 'stop'
}

/** A fault on the other side that it could not name; its log has the cause. */
export class InternalError extends AllmendError {
  readonly code = 'internal'
  readonly policy = 'stop'
}

const TYPES = {
  malformed: MalformedError,
  untrusted: UntrustedError,
  'damaged-shard': DamagedShardError,
  'not-enough-shards': NotEnoughShardsError,
  'not-enough-providers': NotEnoughProvidersError,
  capacity: CapacityError,
  'not-found': NotFoundError,
  denied: DeniedError,
  conflict: ConflictError,
  usage: UsageError,
  unreachable: UnreachableError,
  busy: BusyError,
  cancelled: CancelledError,
  folder: FolderError,
  forked: ForkedError,
  internal: InternalError,
} as const

export type ErrorCode = keyof typeof TYPES

export interface WireError {
  readonly code: string
  readonly message: string
  readonly facts: ErrorFacts
}

/** What of an error may cross the wire: of an unforeseen one only that it happened. */
export function errorToWire(error: unknown): WireError {
  if (error instanceof AllmendError) return { code: error.code, message: error.message, facts: error.facts }
  return { code: 'internal', message: 'internal error', facts: {} }
}

/** The typed error for a received code; an unknown code becomes an InternalError. */
export function errorFromWire(wire: WireError): AllmendError {
  const Type = Object.hasOwn(TYPES, wire.code) ? TYPES[wire.code as ErrorCode] : InternalError
  return new Type(wire.message, wire.facts)
}
