import type { Signed } from '../../core/open/objects/signed.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** One answer's newcomers. */
const MAX_PENDING = 64

/** Newcomers that wait under these invites, for members; at most 64 at once. */
export function pendingMembers(
  state: TrackerState,
  { invites }: { readonly invites: readonly Uint8Array[] },
  context: Context,
): { pending: { invite: Uint8Array; mac: Uint8Array; record: Signed }[] } {
  return state.store.read((tables) => {
    callingDevice(state, tables, context)
    const pending = invites.flatMap((invite) =>
      tables.members.waitingUnder(invite).map(({ mac, record }) => ({ invite, mac, record })),
    )
    return { pending: pending.slice(0, MAX_PENDING) }
  })
}
