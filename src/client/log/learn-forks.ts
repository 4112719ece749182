import { AllmendError } from '../../core/open/errors.ts'
import type { ForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { forkProofCodec, verifyForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { forkProofs } from '../../core/open/protocol/log-methods.ts'
import type { LogClient } from './log-client.ts'

/**
 * Takes in proofs of a fork that witnesses and other members have handed in: the first that holds freezes this client, as if it had
 * met both heads itself.
 */
export async function learnForks(log: LogClient): Promise<void> {
  if ((await log.pins()).forked !== undefined) return
  const { proofs } = await log.tracker.call(forkProofs, {})
  for (const encoded of proofs) {
    const fork = provenFork(log, encoded)
    if (fork === undefined) continue
    await log.freeze('others were shown two histories of the log, and their proof holds', {}, fork)
    return
  }
}

/** Undefined for what proves nothing by itself: then nothing is claimed. */
function provenFork({ parts, identity }: LogClient, encoded: Uint8Array): ForkProof | undefined {
  try {
    const fork = forkProofCodec.decode(encoded)
    return verifyForkProof(parts.primitives, identity, fork).isAnchored ? undefined : fork
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    return undefined
  }
}
