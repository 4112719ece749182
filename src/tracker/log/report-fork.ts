import { NotFoundError } from '../../core/open/errors.ts'
import { forkProofCodec, verifyForkProof } from '../../core/open/log/heads/fork-proof.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Keeps a proof that this log has two histories, for its operator and for whoever asks; throws UntrustedError for one that shows none. */
export function reportFork(
  state: TrackerState,
  { proof }: { readonly proof: Uint8Array },
  context: Context,
): Record<never, never> {
  requireInsider(state, context)
  const { identity } = state.log
  if (identity === undefined) throw new NotFoundError('this pool has not been founded yet')
  const { size, larger } = verifyForkProof(state.primitives, identity, forkProofCodec.decode(proof))
  if (state.forkProofs.keep(proof)) state.events.forkReported(size, larger)
  return {}
}
