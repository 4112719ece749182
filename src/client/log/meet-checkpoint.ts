import { AllmendError } from '../../core/open/errors.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { forkProofFrom } from '../../core/open/log/heads/fork-proof.ts'
import { verifyConsistency } from '../../core/open/log/verify-consistency.ts'
import { logConsistency } from '../../core/open/protocol/log-methods.ts'
import type { Tracker } from '../tracker.ts'
import type { LogClient } from './log-client.ts'

/**
 * Holds a checkpoint that came another way (from another member, in an operation) against the pinned one; throws ForkedError with
 * proof, UntrustedError when the log didn't sign it or the tracker can't show that both are of one history.
 */
export async function meetCheckpoint(log: LogClient, note: Uint8Array): Promise<Checkpoint> {
  const { primitives } = log.parts
  const { identity } = log
  const foreign = openCheckpoint(primitives, identity, note)
  const { checkpoint: own } = await log.view()
  const [smaller, larger] = foreign.size <= own.size ? [foreign, own] : [own, foreign]
  const isEqual = smaller.size === larger.size
  const proof = isEqual ? [] : await consistency(log.tracker, smaller.size, larger.size)
  if (proof !== undefined && verifyConsistency(primitives.sha256, smaller, larger, proof)) return foreign
  const fork = forkProofFrom(primitives, identity, smaller, larger, proof ?? [])
  const heads = {
    pinned: encodeCheckpoint(primitives, identity, own),
    served: note,
    consistency: proof ?? [],
  }
  if (fork !== undefined) throw await log.freeze('the log showed another member another history', heads, fork)
  throw await log.mistrust('the tracker does not show how two heads of its log belong together', heads)
}

/** Undefined where the tracker refuses. */
async function consistency(
  tracker: Tracker,
  from: number,
  to: number,
): Promise<readonly Uint8Array[] | undefined> {
  try {
    return (await tracker.call(logConsistency, { from, to })).proof
  } catch (error) {
    if (error instanceof AllmendError && error.policy !== 'retry') return undefined
    throw error
  }
}
