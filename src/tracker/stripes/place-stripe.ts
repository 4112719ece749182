import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError } from '../../core/open/errors.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { placementDrawCodec } from '../../core/open/placement/placement.ts'
import type { PlacementAnswer } from '../../core/open/protocol/tracker-methods.ts'
import type { Stripe } from '../../core/open/stripes/stripe.ts'
import { stripeId } from '../../core/open/stripes/stripe.ts'
import type { Context } from '../../ports/rpc.ts'
import { HOLDER_PLACED } from '../../ports/tracker-store-stripes.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { checkStripe, drawShards, ownStripe, placementAnswer } from './placing.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * Chooses providers for a stripe's shards and leases it to the caller's member; asked again, the same ones and a longer lease.
 * Throws NotEnoughProvidersError or CapacityError when the pool can't take it now, ConflictError when it belongs to another space.
 */
export function placeStripe(
  state: TrackerState,
  { space, stripe }: { readonly space: Uint8Array; readonly stripe: Stripe },
  context: Context,
): PlacementAnswer {
  checkStripe(stripe)
  const id = stripeId(state.primitives, stripe)
  const all = new Set(stripe.shards.keys())
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    requireRight(state, tables, device.member, space, RIGHT.write)
    const { stripes } = tables
    const leaseUntil = state.clock.now() + state.leaseMs
    if (stripes.stripe(id) !== undefined) {
      const known = ownStripe(state, tables, device, id)
      if (!equalBytes(known.space, space)) throw new ConflictError('this stripe belongs to another space')
      stripes.renewLease(id, leaseUntil)
      return placementAnswer(state, tables, device, ownStripe(state, tables, device, id), all)
    }
    const indices = [...all]
    const draw = drawShards(state, tables, { id, space, stripe, indices, attempt: 0, excluded: [], held: [] })
    stripes.addStripe({ id, space, member: device.member, stripe, leaseUntil, attempts: 1 })
    stripes.putDraw(id, undefined, placementDrawCodec.encode(draw))
    for (const [index, provider] of draw.chosen.entries())
      stripes.putHolder(id, index, provider, HOLDER_PLACED)
    return placementAnswer(state, tables, device, ownStripe(state, tables, device, id), all)
  })
}
