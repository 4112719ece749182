import { setFlagsFromString } from 'node:v8'

/** A heap of 15 MiB may grow, with the buffers on their way, to ten times that before it is marked. */
const GROWTH_PERCENT = 900

/**
 * Lets the heap grow further between collections. V8 counts our large buffers, which we free ourselves, against a limit made from
 * the heap's size: with a heap as small as ours it would mark all of it for every few buffers, for half of the time of a put.
 */
export function collectLess(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}
