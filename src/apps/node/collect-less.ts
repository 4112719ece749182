import { setFlagsFromString } from 'node:v8'

/** A command's heap of 15 MiB may grow, with the buffers on their way, to ten times that before it is marked: it ends soon. */
export const COMMAND_HEAP_GROWTH = 900
/** A role stays: four times. */
export const ROLE_HEAP_GROWTH = 300

/**
 * Lets the heap grow by `percent` of what lives between collections. V8 counts our large buffers, which we free ourselves, against
 * a limit made from the heap's size: with heaps as small as ours it would mark all of it for every few buffers, for half of the
 * time of a put.
 */
export function collectLess(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}
