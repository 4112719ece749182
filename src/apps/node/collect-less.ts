import { setFlagsFromString } from 'node:v8'

/** A command's heap of 15 MiB may grow, with the buffers on their way, to ten times that before it is marked: it ends soon. */
export const COMMAND_HEAP_GROWTH = 900
/** A role stays: four times. */
export const ROLE_HEAP_GROWTH = 300
/** A provider has 150 MB, and a heap of 15: not twice. From 60 on downwards large puts cost it half as much CPU again. */
export const PROVIDER_HEAP_GROWTH = 80
/** While a provider replays much of the log, where most of what is garbage has lived for long. */
export const REPLAY_HEAP_GROWTH = 20

/**
 * Lets the heap grow by `percent` of what lives between collections. V8 counts our large buffers, which we free ourselves, against
 * a limit made from the heap's size: with heaps as small as ours it would mark all of it for every few buffers, for half of the
 * time of a put.
 */
export function collectLess(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

/**
 * Lets the young heap stay as small as it begins, 1 MiB; to be said before much is loaded. What a socket receives lies in fresh
 * buffers, which are garbage a moment later, but V8 looks for such when there is a multiple of this: with its 16 MiB a busy provider
 * takes 180 MB instead of 130, and no less time.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
