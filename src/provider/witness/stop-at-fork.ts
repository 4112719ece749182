/**
 * What a witness does when the log shows it two histories. Invariants:
 * - it stops for good on proof alone: two heads that the log key signed and that contradict each other. What isn't proven it refuses,
 *   and asks again: a tracker that errs or lies about entries may come back to the truth.
 * - the proof is durable before anybody hears of it; a witness that has one never signs again, whatever is started anew.
 */
import { AllmendError, ForkedError } from '../../core/open/errors.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { headCheckpoint } from '../../core/open/log/heads/fork-proof.ts'
import { logConsistency, reportFork } from '../../core/open/protocol/log-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection } from '../../ports/transport.ts'
import type { ProviderEvents } from '../provider-events.ts'
import type { Witness } from './witness.ts'

/** Whether the log was shown to be forked by what made witnessing fail: then the witness has stopped, and the proof is handed in. */
export async function stopAtFork(
  witness: Witness,
  tracker: Connection,
  error: unknown,
  events: Pick<ProviderEvents, 'logForked'>,
  signal: AbortSignal,
): Promise<boolean> {
  const isSuspect =
    error instanceof ForkedError || (error instanceof AllmendError && error.policy === 'blame-peer')
  if (!isSuspect) return false
  for (const head of headsOf(witness, error)) {
    const way = head.size > (witness.own?.size ?? 0) ? await wayTo(witness, tracker, head, signal) : []
    const proof = way === undefined ? undefined : witness.stopAt(head, way)
    if (proof === undefined) continue
    events.logForked(head.size, witness.own?.size ?? 0)
    try {
      await call(tracker, reportFork, { proof }, undefined, { signal })
    } catch (refusal) {
      // Whoever forks may refuse to hear of it; the proof is kept here.
      if (!(refusal instanceof AllmendError)) throw refusal
    }
    return true
  }
  return false
}

/** The checkpoint that was to be signed, and the head that an operation named. */
function headsOf({ met, identity }: Witness, { facts }: AllmendError): Checkpoint[] {
  const { size, root, signature } = facts
  const isNamed = typeof size === 'number' && root instanceof Uint8Array && signature instanceof Uint8Array
  return [
    ...(met === undefined ? [] : [met]),
    ...(isNamed && identity !== undefined ? [headCheckpoint(identity, { size, root, signature })] : []),
  ]
}

/** How the tracker says that a larger head continues the one that was signed here; undefined where it doesn't say. */
async function wayTo(
  { own }: Witness,
  tracker: Connection,
  { size }: Checkpoint,
  signal: AbortSignal,
): Promise<readonly Uint8Array[] | undefined> {
  if (own === undefined) return undefined
  try {
    return (await call(tracker, logConsistency, { from: own.size, to: size }, undefined, { signal })).value
      .proof
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    return undefined
  }
}
