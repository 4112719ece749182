import { MAX_SERVED_FORK_PROOFS } from '../../core/open/protocol/log-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Proofs of a fork that were handed in, for others to check. */
export function serveForkProofs(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { proofs: readonly Uint8Array[] } {
  requireInsider(state, context)
  return { proofs: state.forkProofs.signed.slice(0, MAX_SERVED_FORK_PROOFS) }
}
