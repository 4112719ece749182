/**
 * Finds rot before a reader does. Invariants:
 * - throttled: at most SCRUB_BYTES a SCRUB_INTERVAL_MS, so that it costs under 1 % of a core and little of a disk.
 * - a fault is told and the pass begun anew later; it never ends the loop.
 */
import { DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import type { ProviderState } from '../provider-state.ts'
import { slept } from '../../ports/slept.ts'

/** 8 MiB/s reads 100 GB in four hours. */
const SCRUB_BYTES = 4 * 1024 * 1024
export const SCRUB_INTERVAL_MS = 500
/** Between two passes: a small store isn't read over and over. */
export const SCRUB_PAUSE_MS = 10 * 60 * 1_000

/** Scrubs once from `cursor` and queues what is damaged for the next report. Returns where to go on, undefined at the end. */
export async function scrubOnce(
  state: ProviderState,
  cursor: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  const { damaged, next } = await state.store.scrub(cursor, SCRUB_BYTES)
  for (const shard of damaged) {
    state.damage.add(shard, DAMAGE_WRONG)
    state.events.shardDamaged(shard, 'scrub')
  }
  return next
}

/** Scrubs pass after pass until `signal` aborts; never throws. */
export async function keepScrubbing(state: ProviderState, signal: AbortSignal): Promise<void> {
  let cursor: Uint8Array | undefined
  do {
    try {
      cursor = await scrubOnce(state, cursor)
    } catch (error) {
      if (signal.aborted) return
      state.events.maintenanceFailed('scrub', error)
      cursor = undefined
    }
  } while (await slept(state.clock, cursor === undefined ? SCRUB_PAUSE_MS : SCRUB_INTERVAL_MS, signal))
}
