import { toHex } from '../../core/open/bytes.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { Damage } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, holdsRight } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * A member found shards wrong or missing. Those that no space he may read has at that provider are left out: he cannot know,
 * and must not make others' data look damaged. A copy that is found wrong is dropped, and no damage.
 */
export function reportDamage(
  state: TrackerState,
  { damaged }: { readonly damaged: readonly Damage[] },
  context: Context,
): Record<never, never> {
  const marked = state.store.write((tables) => {
    const { member } = callingDevice(state, tables, context)
    const now = state.clock.now()
    const marked = new Map<string, { provider: Uint8Array; count: number }>()
    for (const { provider, shard, found, what } of damaged) {
      const mayRead = (space: Uint8Array) => holdsRight(state, tables, member, space, RIGHT.download)
      if (state.copies.refuse(provider, shard, mayRead)) state.events.copyRefused(shard, provider)
      const spaces = tables.stripes.spacesHolding(provider, shard)
      if (!spaces.some(mayRead)) continue
      if (!tables.stripes.markDamaged({ provider, shard, found: Math.min(found, now), what })) continue
      const count = (marked.get(toHex(provider))?.count ?? 0) + 1
      marked.set(toHex(provider), { provider, count })
    }
    return marked
  })
  for (const { provider, count } of marked.values()) state.events.shardsDamaged(provider, count)
  return {}
}
