import { AllmendError } from '../core/open/errors.ts'
import type { ProviderState } from './provider-state.ts'

/**
 * Remembers the space of a shard that was stored or read with the tracker's ticket. A failure is told and no more: the shard itself is
 * as it should be, and the next such ticket says its space again.
 */
export function keepSpace(state: ProviderState, shard: Uint8Array, space: Uint8Array): void {
  try {
    state.offline.belongs(shard, space)
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    state.events.spaceNotKept(shard, error)
  }
}
