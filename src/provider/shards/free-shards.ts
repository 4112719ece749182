import { toHex } from '../../core/open/bytes.ts'
import type { ProviderState } from '../provider-state.ts'

/**
 * Forgets the shards that the tracker names, durably, and queues their confirmation. Shards that are being stored are left:
 * the tracker names them again if they must go. Unknown ones count as freed. Throws what the store throws.
 */
export async function freeShards(state: ProviderState, shards: readonly Uint8Array[]): Promise<void> {
  if (shards.length === 0) return
  await state.guard.free(shards, async (freeable) => {
    if (freeable.length === 0) return
    await state.store.delete(freeable)
    state.offline.gone(freeable)
    for (const shard of freeable) {
      state.damage.remove(shard)
      state.freed.set(toHex(shard), shard.slice())
    }
    state.events.shardsFreed(freeable.length)
  })
}
