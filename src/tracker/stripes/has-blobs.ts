import { equalBytes } from '../../core/open/bytes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { StripeHealth } from './stripe-health.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * Which blobs need not be sent: those in a stripe of this space that is whole now, and committed or sealed by the caller's
 * member. A member who asked for too many that he never committed is told no for all but his own.
 */
export function hasBlobs(
  state: TrackerState,
  { space, blobs }: { readonly space: Uint8Array; readonly blobs: readonly Uint8Array[] },
  context: Context,
): { present: boolean[] } {
  return state.store.read((tables) => {
    const { member } = callingDevice(state, tables, context)
    requireRight(state, tables, member, space, RIGHT.write)
    const health = new StripeHealth(tables.stripes, state.presence)
    const foreign: { blob: Uint8Array; isCommitted: boolean }[] = []
    const answers = blobs.map((blob) => {
      const locations = tables.stripes
        .locations(space, blob)
        .map((at) => ({ ...at, own: at.sealed && equalBytes(at.member, member) }))
        .filter(({ committed, own }) => committed || own)
      if (!locations.some(({ own }) => own)) foreign.push({ blob, isCommitted: locations.length > 0 })
      const whole = locations.filter(({ stripe }) => {
        const found = health.of(stripe)
        return found !== undefined && found.good >= found.row.stripe.n
      })
      return { present: whole.length > 0, own: whole.some(({ own }) => own) }
    })
    const committed = tables.spaces.space(space)?.blobs ?? 0
    const allowed = state.asked.mayAsk(space, member, foreign, committed, state.clock.now())
    return { present: answers.map(({ present, own }) => (allowed ? present : own)) }
  })
}
