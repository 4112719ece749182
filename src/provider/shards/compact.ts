import type { ProviderState } from '../provider-state.ts'
import { slept } from '../../ports/slept.ts'

/** How often a provider looks whether compaction pays. */
export const COMPACT_INTERVAL_MS = 10_000
/** It pays from this much garbage on, */
const GARBAGE_BYTES = 64 * 1024 * 1024
/** or from this share of what is used: an eighth. */
const GARBAGE_SHARE = 8

/** Compacts where that pays. Returns the bytes given back. */
export async function compactIfUseful(state: ProviderState): Promise<number> {
  const { live, used } = state.store.usage()
  const garbage = used - live
  if (garbage === 0 || (garbage < GARBAGE_BYTES && garbage * GARBAGE_SHARE < used)) return 0
  const { reclaimedBytes } = await state.store.compact()
  if (reclaimedBytes > 0) state.events.compacted(reclaimedBytes)
  return reclaimedBytes
}

/** Compacts where that pays until `signal` aborts; a fault is told and tried again. Never throws. */
export async function keepCompacting(state: ProviderState, signal: AbortSignal): Promise<void> {
  while (await slept(state.clock, COMPACT_INTERVAL_MS, signal)) {
    try {
      await compactIfUseful(state)
    } catch (error) {
      if (signal.aborted) return
      state.events.maintenanceFailed('compact', error)
    }
  }
}
