/**
 * Memory for large byte strings that have one owner at a time. Left to the garbage collector, every buffer counts as pressure: it
 * marks the whole heap every few megabytes, which costs more than what the bytes were used for. Invariants:
 * - after `freeBytes` every view of the buffer is empty, so that who kept one cannot see what comes next.
 * - at most MAX_KEPT_SLABS are kept, and never more than were in use at once lately: what NEEDED_WITHIN byte strings did without is let go.
 */

/** Below, the garbage collector does it for less. */
const WORTH_FREEING = 4 * 1024
/** A shard of 4 MiB, its index, and on disk its leaf hashes and headers. */
const SLAB_BYTES = 4 * 1024 * 1024 + 128 * 1024
/** Shorter byte strings come from the system, which is good at them. */
const WORTH_A_SLAB = 1024 * 1024
/** Shards that a busy provider receives, checks and sends at once: 33 MiB. */
const MAX_KEPT_SLABS = 8
/** Some gets of 200 MB; a busy moment each hour doesn't keep a provider at its peak. */
const NEEDED_WITHIN = 256

const kept: ArrayBuffer[] = []
/** The fewest that were kept at once since `taken` began to count. */
let unneeded = 0
let taken = 0
const slabs = new WeakSet<ArrayBuffer>()

/** Bytes of any content, to be given back with `freeBytes`; who forgets costs no more than with `new Uint8Array`. */
export function allocateBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length < WORTH_A_SLAB || length > SLAB_BYTES) return new Uint8Array(length)
  if (++taken > NEEDED_WITHIN) letGo()
  let slab = kept.pop()
  unneeded = Math.min(unneeded, kept.length)
  if (slab === undefined) {
    slab = new ArrayBuffer(SLAB_BYTES)
    slabs.add(slab)
  }
  return new Uint8Array(slab, 0, length)
}

function letGo(): void {
  for (const slab of kept.splice(0, unneeded)) slab.transfer(0)
  unneeded = kept.length
  taken = 0
}

/**
 * Gives a buffer's memory back at once, for its only owner: `bytes` and all other views of the buffer are empty from now on. Cuts
 * from a shared pool, which are never more than half of it, are left alone.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  if (!(buffer instanceof ArrayBuffer)) return
  if (slabs.has(buffer)) keep(buffer)
  else if (byteLength >= WORTH_FREEING && byteLength * 2 > buffer.byteLength) buffer.transfer(0)
}

function keep(slab: ArrayBuffer): void {
  if (slab.detached) return
  if (kept.length >= MAX_KEPT_SLABS) {
    slab.transfer(0)
    return
  }
  const same = slab.transfer()
  slabs.add(same)
  kept.push(same)
}
