import { equalBytes } from '../../core/open/bytes.ts'
import { ForkedError, UntrustedError } from '../../core/open/errors.ts'
import { openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { forkProofCodec, forkProofFrom } from '../../core/open/log/heads/fork-proof.ts'
import type { LogAudit } from '../../client/log/audit/audit-log.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import type { Pins, PinStore } from '../../ports/pin-store.ts'

/**
 * Holds a verified bundle against what this home has seen of the log, without asking anybody; throws ForkedError when both can't be one
 * history, after that was pinned with its proof. A pin that is ahead of the bundle can't be told from here.
 */
export async function holdAgainstPins(
  store: PinStore,
  { head }: Pins,
  { audit, note }: { readonly audit: LogAudit; readonly note: Uint8Array },
): Promise<void> {
  if (head === undefined || head.size > audit.size || equalBytes(audit.root(head.size), head.root)) return
  const log = audit.identity
  const pinned = openCheckpoint(nodePrimitives, log, head.note)
  const larger = openCheckpoint(nodePrimitives, log, note)
  const proof = forkProofFrom(nodePrimitives, log, pinned, larger, audit.consistency(head.size, audit.size))
  if (proof === undefined)
    throw new UntrustedError('this bundle is of another history than the one seen here')
  const reason = 'a bundle of the log holds another history than the one that this home has seen'
  const evidence = await store.saveEvidence('fork', forkProofCodec.encode(proof))
  await store.update((pins) => ({
    ...pins!,
    forked: pins!.forked ?? { since: Date.now(), reason, evidence },
  }))
  throw new ForkedError(`${reason}: nothing is written any more. Evidence: ${evidence}`, { evidence })
}
