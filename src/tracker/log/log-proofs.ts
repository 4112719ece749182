import { NotFoundError } from '../../core/open/errors.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** How one tree of this log continues a smaller one; throws NotFoundError for sizes that it doesn't have. */
export function logConsistency(
  state: TrackerState,
  { from, to }: { readonly from: number; readonly to: number },
  context: Context,
): { proof: Uint8Array[] } {
  requireInsider(state, context)
  const { tree } = state.log.session
  if (from > to || to > tree.size) throw new NotFoundError('the log has no such sizes', { from, to })
  return { proof: tree.consistency(from, to) }
}

/** An entry and its path; throws NotFoundError for one that the tree of this size doesn't have. */
export function logInclusion(
  state: TrackerState,
  { index, size }: { readonly index: number; readonly size: number },
  context: Context,
): { leaf: Uint8Array; path: Uint8Array[] } {
  requireInsider(state, context)
  const { tree } = state.log.session
  const leaf = state.store.read(({ proofs }) => proofs.leaf(index)?.leaf)
  if (leaf === undefined || index >= size || size > tree.size)
    throw new NotFoundError('the log has no such entry', { index, size })
  return { leaf, path: tree.inclusion(index, size) }
}
