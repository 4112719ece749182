import type { TrackerState } from './tracker-state.ts'

/** What anybody may know: the genesis once there is one, the log key, the tracker's time. */
export function describePool(state: TrackerState): {
  genesis: Uint8Array | undefined
  logKey: Uint8Array
  time: number
} {
  const genesis = state.store.read(({ log }) => log.entry(0)?.body)
  return { genesis, logKey: state.logKey, time: state.clock.now() }
}
