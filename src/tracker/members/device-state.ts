import { ZERO_ID } from '../../core/open/objects/suite.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'

/** What the calling device's next operation must follow: counter 0 and zeros before its first. */
export function deviceState(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { device: Uint8Array; counter: number; prevOp: Uint8Array } {
  return state.store.read((tables) => {
    const { device } = callingDevice(state, tables, context)
    const { counter, prevOp } = tables.members.progress(device) ?? { counter: 0, prevOp: ZERO_ID }
    return { device, counter, prevOp }
  })
}
