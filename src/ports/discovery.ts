/**
 * Finding nodes by topic, without a server. Hard promises of every adapter:
 * - what is announced can be found by other nodes of the same network until it is withdrawn or has expired, RECORD_MS after the last
 *   announcement at most; announcing again keeps it. Idempotent.
 * - nobody can announce in the name of a key that he hasn't.
 * - a lookup is a hint: nodes that answer it may leave out and invent. Whom it names must prove it, by his key on a connection.
 * - a lookup ends by itself, in LOOKUP_MS and with MAX_FOUND keys at most, whatever others answer.
 */

/** How long an announcement may be found at most, ms; at least it is half as long. */
export const RECORD_MS = 27 * 60_000
/** How often to announce anew, ms, before jitter: one renewal may fail. */
export const RENEW_MS = 5 * 60_000
/** Eight round trips of half a second. */
export const LOOKUP_MS = 4_000
/** Keys that one lookup names: of a few hundred nodes, and some invented ones. */
export const MAX_FOUND = 1_024

export interface Discovery {
  /** Makes this node's key findable under a topic (32 bytes). Throws UnreachableError when no node took it in, CancelledError. */
  announce(topic: Uint8Array, signal?: AbortSignal): Promise<void>
  /** Takes it back where that is possible; who can't be reached forgets by himself. Throws UnreachableError, CancelledError. */
  withdraw(topic: Uint8Array, signal?: AbortSignal): Promise<void>
  /** Raw net keys said to be under a topic, each once, in no order. None where nobody could be asked. Throws CancelledError. */
  lookup(topic: Uint8Array, signal?: AbortSignal): Promise<readonly Uint8Array[]>
}
