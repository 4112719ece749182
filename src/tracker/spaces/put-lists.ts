import { blobId } from '../../core/open/blobs/blob-id.ts'
import { CapacityError } from '../../core/open/errors.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { decodePublicList } from '../../core/open/blobs/public-list.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, requireRight } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Lists of one member that wait for a commit: what the references of one operation may need, eight times. */
export const MAX_UNCOMMITTED_LIST_BYTES = 256 * 1024 * 1024

/** Keeps public lists for a coming commit, as long as a lease lasts. Throws MalformedError, DeniedError, CapacityError. */
export function putLists(
  state: TrackerState,
  { space, lists }: { readonly space: Uint8Array; readonly lists: readonly Uint8Array[] },
  context: Context,
): Record<never, never> {
  for (const bytes of lists) decodePublicList(bytes)
  return state.store.write((tables) => {
    const { member } = callingDevice(state, tables, context)
    requireRight(state, tables, member, space, RIGHT.write)
    const until = state.clock.now() + state.leaseMs
    for (const bytes of lists)
      tables.stripes.putList(space, blobId(state.primitives, bytes), member, bytes, until)
    if (tables.stripes.uncommittedListBytes(member) > MAX_UNCOMMITTED_LIST_BYTES)
      throw new CapacityError('too many lists wait for a commit', { bytes: MAX_UNCOMMITTED_LIST_BYTES })
    return {}
  })
}
