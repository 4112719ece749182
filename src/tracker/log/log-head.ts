import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { currentHead, proofOf } from './serve-head.ts'

/** The served head, and how it follows from what the caller has pinned. */
export async function logHead(
  state: TrackerState,
  { from, covers }: { readonly from?: number | undefined; readonly covers?: number | undefined },
  context: Context,
): Promise<{ head?: ServedHead }> {
  requireInsider(state, context)
  const head = await currentHead(state, covers, context.signal)
  return { head: proofOf(state, head, from) }
}
