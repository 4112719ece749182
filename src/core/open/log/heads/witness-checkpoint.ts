import { equalBytes } from '../../bytes.ts'
import { ForkedError, UntrustedError } from '../../errors.ts'
import type { Primitives } from '../../primitives.ts'
import type { LogIdentity } from './checkpoint.ts'
import { openCheckpoint } from './checkpoint.ts'
import { cosign } from './cosignature.ts'
import type { LogSession } from '../log-session.ts'
import type { NoteSignature } from './note.ts'

/** How far the time of a head may be from a witness's clock, seconds. */
export const WITNESS_SLACK_SECONDS = 300

/** An entry of the log with what is stored apart from it. */
export interface ServedEntry {
  readonly leaf: Uint8Array
  readonly changes: readonly Uint8Array[]
}

/**
 * A witness's whole duty: follows the entries that it hasn't seen up to a checkpoint, each by the rules, and signs when the log's
 * root, the map's root and the time fit. Runs within the session's transaction; the signature must leave only after it is
 * durable, so that a witness never signs two histories. `seconds` is its own clock. Throws UntrustedError, MalformedError for
 * what it doesn't sign, ForkedError for a checkpoint of another history.
 */
export function witnessCheckpoint(
  primitives: Primitives,
  session: LogSession,
  log: LogIdentity,
  seed: Uint8Array,
  served: { readonly note: Uint8Array; readonly entries: readonly ServedEntry[] },
  seconds: number,
): NoteSignature {
  const checkpoint = openCheckpoint(primitives, log, served.note)
  if (checkpoint.size < session.size)
    throw new UntrustedError('a witness signs no smaller head than its last', { size: checkpoint.size })
  if (checkpoint.size - session.size !== served.entries.length)
    throw new UntrustedError('a witness needs each entry up to the checkpoint', { size: checkpoint.size })
  for (const { leaf, changes } of served.entries) session.follow(leaf, changes)
  if (!equalBytes(session.tree.root(), checkpoint.root))
    throw new ForkedError('the log signed a root that its entries do not have', { size: checkpoint.size })
  if (!session.isSealed) throw new UntrustedError("a checkpoint's last leaf holds the root of the map")
  // The same head may be signed again later, to say that it is still the newest.
  if (served.entries.length > 0 && Math.abs(session.time / 1_000 - seconds) > WITNESS_SLACK_SECONDS)
    throw new UntrustedError("the log's clock is not the witness's", { time: session.time })
  return cosign(primitives, seed, checkpoint, seconds)
}
