import { MAX_SHARD_BYTES } from '../../core/open/stripe.ts'

/** As many as are on their way at once where stripes have six shards: 73 MiB. */
const MAX_KEPT = 18

/**
 * Memory for shards that threads share, used again and again: it neither moves nor counts as garbage, while shards of their own
 * buffers, coming and going by the stripe, would start a collection every few megabytes.
 */
export class SharedShards {
  readonly #kept: SharedArrayBuffer[] = []

  /** Room for `count` shards of any length; any content. */
  take(count: number): Uint8Array[] {
    return Array.from(
      { length: count },
      () => new Uint8Array(this.#kept.pop() ?? new SharedArrayBuffer(MAX_SHARD_BYTES)),
    )
  }

  /** Takes back what nobody uses any more, whole or in part of its length; false for bytes that came from elsewhere. */
  give({ buffer }: Uint8Array): boolean {
    if (!(buffer instanceof SharedArrayBuffer)) return false
    if (this.#kept.length < MAX_KEPT) this.#kept.push(buffer)
    return true
  }
}
