import type { LogIdentity } from '../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { LogView } from '../../core/open/log/heads/verify-head.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { PinnedHead } from '../../ports/pin-store.ts'

/** A verified view, and when it came in by our clock, Unix seconds. */
export interface SeenView extends LogView {
  readonly seen: number
}

export function pinOf(primitives: Primitives, log: LogIdentity, view: SeenView): PinnedHead {
  const { checkpoint, map, time, isWitnessed, confirmed, seen } = view
  const note = encodeCheckpoint(primitives, log, checkpoint)
  return { size: checkpoint.size, root: checkpoint.root, note, map, time, isWitnessed, confirmed, seen }
}

/** The view that was pinned; throws when the pin isn't of this log, which only a changed file can be. */
export function viewOfPin(primitives: Primitives, log: LogIdentity, pin: PinnedHead): SeenView {
  const { map, time, isWitnessed, confirmed, seen } = pin
  const checkpoint = openCheckpoint(primitives, log, pin.note)
  return { checkpoint, map, time, isWitnessed, confirmed, seen, anchor: undefined }
}
