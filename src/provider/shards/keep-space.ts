import { AllmendError } from '../../core/open/errors.ts'
import type { ShardOrigin } from '../tickets/offline-reads.ts'
import type { ProviderState } from '../provider-state.ts'

/**
 * Remembers space and stripe of a shard that was stored or read with the tracker's ticket. A failure is told and no more: the shard itself is
 * as it should be, and the next such ticket says them again.
 */
export function keepSpace(state: ProviderState, shard: Uint8Array, origin: ShardOrigin): void {
  try {
    state.offline.belongs(shard, origin)
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    state.events.spaceNotKept(shard, error)
  }
}
