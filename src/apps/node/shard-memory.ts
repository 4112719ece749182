import { MAX_SHARD_BYTES } from '../../core/open/stripes/stripe.ts'

/** As many as are on their way at once where stripes have six shards: 73 MiB. */
const MAX_KEPT = 18

/**
 * Memory for shards that moves to a worker and back, used again and again. (Shared memory need not move, but V8 copies into it
 * byte by byte as other threads might look on, at a third of the speed.)
 */
export class ShardMemory {
  readonly #kept: ArrayBuffer[] = []

  /** Room for `count` shards of any length; any content. */
  take(count: number): Uint8Array<ArrayBuffer>[] {
    return Array.from(
      { length: count },
      () => new Uint8Array(this.#kept.pop() ?? new ArrayBuffer(MAX_SHARD_BYTES)),
    )
  }

  /** Takes back what nobody uses any more, whole or in part of its length; false for bytes that came from elsewhere. */
  give({ buffer }: Uint8Array): boolean {
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== MAX_SHARD_BYTES) return false
    // Who kept a view of it must not see what comes next.
    if (this.#kept.length < MAX_KEPT) this.#kept.push(buffer.transfer())
    return true
  }
}
