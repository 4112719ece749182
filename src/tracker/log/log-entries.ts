import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Whoever replays has little memory. A larger operation comes alone. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** Entries from an index on, with their changes if asked; at least one where there is one. */
export function logEntries(
  state: TrackerState,
  request: { readonly from: number; readonly count: number; readonly changes: boolean },
  context: Context,
): { entries: { leaf: Uint8Array; changes: readonly Uint8Array[] }[]; size: number } {
  requireInsider(state, context)
  return state.store.read(({ proofs, log }) => {
    const entries: { leaf: Uint8Array; changes: readonly Uint8Array[] }[] = []
    let bytes = 0
    for (const [i, leaf] of proofs.leaves(request.from, request.count).entries()) {
      const changes = request.changes ? log.changes(request.from + i) : []
      bytes += changes.reduce((sum, change) => sum + change.length + 4, leaf.length + 8)
      if (entries.length > 0 && bytes > MAX_ANSWER_BYTES) break
      entries.push({ leaf, changes })
    }
    return { entries, size: state.log.session.size }
  })
}
