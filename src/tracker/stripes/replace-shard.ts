import { toHex } from '../../core/open/bytes.ts'
import { MalformedError } from '../../core/open/errors.ts'
import { placementDrawCodec } from '../../core/open/placement/placement.ts'
import type { PlacementAnswer } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { HolderRow } from '../../ports/tracker-store-stripes.ts'
import { HOLDER_GIVEN_UP, HOLDER_PLACED } from '../../ports/tracker-store-stripes.ts'
import { callingDevice } from '../callers.ts'
import { drawShards, ownStripe, placementAnswer } from './placing.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * Chooses another provider for one shard; the one it has stays where it is up and hasn't failed, so the same request gives the
 * same answer (with a new ticket). A provider that may have stored it is told to free it when the lease is over. Throws
 * NotEnoughProvidersError or CapacityError when no other can take it now, NotFoundError for a stripe that isn't leased.
 */
export function replaceShard(
  state: TrackerState,
  request: { readonly stripe: Uint8Array; readonly index: number; readonly failed: readonly Uint8Array[] },
  context: Context,
): PlacementAnswer {
  const { stripe: id, index } = request
  const failed = new Set(request.failed.map(toHex))
  return state.store.write((tables) => {
    const device = callingDevice(state, tables, context)
    const row = ownStripe(state, tables, device, id)
    if (index >= row.stripe.n) throw new MalformedError('this stripe has no such shard', { index })
    tables.stripes.renewLease(id, state.clock.now() + state.leaseMs)
    const live = row.holders.filter(({ state: held }) => held !== HOLDER_GIVEN_UP)
    const mine = live.filter((holder) => holder.index === index)
    const usable = ({ provider }: HolderRow) => state.presence.isUp(provider) && !failed.has(toHex(provider))
    const answer = () => {
      const now = ownStripe(state, tables, device, id)
      const holders = now.holders.filter((holder) => holder.index === index && usable(holder))
      return placementAnswer(state, tables, device, { ...now, holders }, new Set([index]))
    }
    if (mine.some(usable)) return answer()
    const others = live.filter((holder) => holder.index !== index)
    const draw = drawShards(state, tables, {
      id,
      space: row.space,
      stripe: row.stripe,
      indices: [index],
      attempt: row.attempts,
      excluded: [...live.map(({ provider }) => provider), ...request.failed],
      held: others.map(({ provider }) => operatorOf(tables, provider)),
    })
    for (const holder of mine)
      if (holder.state === HOLDER_PLACED)
        tables.stripes.putHolder(id, index, holder.provider, HOLDER_GIVEN_UP)
    tables.stripes.putDraw(id, index, placementDrawCodec.encode(draw))
    for (const provider of draw.chosen) tables.stripes.putHolder(id, index, provider, HOLDER_PLACED)
    tables.stripes.countAttempt(id)
    return answer()
  })
}

function operatorOf(tables: TrackerReader, provider: Uint8Array): Uint8Array {
  return tables.providers.provider(provider)?.operator ?? provider
}
