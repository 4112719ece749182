/**
 * What a provider keeps its shards in.
 *
 * Hard promises of every adapter:
 * - What `put` acknowledged is on stable storage: it survives the death of the process and of the machine's power.
 * - Bytes are checked against the shard's id before they are taken in, and against its leaf hashes before they are handed
 *   out: damaged bytes are never returned, whatever happened to the medium.
 * - Damage of one shard, or of one place of the medium, never hides the other shards.
 * - The store never holds more than its capacity after a `put`; compaction may exceed it while it copies, by at most the
 *   shards of one segment.
 * - Every operation may run twice and at the same time as any other. Those that fail had no effect, except that a `put` or
 *   `delete` which failed for the disk's sake may still show after a restart.
 * - Which errors end retrying: all with policy `stop` or `blame-peer`; there is nothing in here that time alone heals.
 */

/** Bytes of a shard id. */
export const SHARD_ID_BYTES = 32
/** Ranges of one read: the blobs of a shard. */
export const MAX_RANGES = 4_096

export interface ShardRange {
  readonly offset: number
  readonly length: number
}

export interface ShardStat {
  /** Bytes of the shard. */
  readonly length: number
  /** False when damage of this shard was seen since the store was opened, or when it is recorded. */
  readonly whole: boolean
}

export interface ListedShard extends ShardStat {
  readonly id: Uint8Array
}

export interface ShardPage {
  /** Ascending by id. */
  readonly shards: readonly ListedShard[]
  /** Where to go on; absent at the end. */
  readonly next?: Uint8Array
}

export interface ScrubReport {
  /** Shard bytes that were read and checked. */
  readonly checkedBytes: number
  readonly damaged: readonly Uint8Array[]
  /** Where to go on; absent when every shard was checked. */
  readonly next?: Uint8Array
}

export interface CompactionReport {
  /** Bytes given back to the disk. */
  readonly reclaimedBytes: number
}

export interface ShardStoreUsage {
  /** The most bytes that this store may take. */
  readonly capacity: number
  /** Bytes taken: shards, their hashes and headers, and what compaction could give back. */
  readonly used: number
  /** Bytes of these that belong to shards; nearly all of the others could be given back by `compact`. */
  readonly live: number
  readonly shards: number
  /** Files with damage that can't be ascribed to a shard: shards may be missing without being listed as damaged. */
  readonly damagedFiles: number
}

export interface ShardStore {
  /**
   * Stores `bytes` (at most MAX_SHARD_BYTES, not changed by the caller until this resolves) under their Merkle root.
   * Resolves when they are durable. Idempotent: an existing copy is verified first, and replaced when it is damaged.
   * Throws UntrustedError when `id` isn't their root, UsageError beyond the limits, CapacityError when the capacity or the
   * disk is used up (the store stays usable, and `compact` may help), InternalError when the disk fails.
   */
  put(id: Uint8Array, bytes: Uint8Array): Promise<void>

  /**
   * The bytes of `ranges` one after the other (at most MAX_RANGES, together at most MAX_SHARD_BYTES), or the whole shard; the
   * caller's alone, who may free them. Reads and verifies only the leaves that they touch. Throws NotFoundError, DamagedShardError (another provider has to
   * serve it), UsageError for ranges outside of the shard.
   */
  read(id: Uint8Array, ranges?: readonly ShardRange[]): Promise<Uint8Array>

  /** The shard's leaf hashes, verified against its id. Throws NotFoundError, DamagedShardError. */
  leaves(id: Uint8Array): Promise<Uint8Array[]>

  /** What is known of a shard without reading it; undefined when it isn't here. */
  stat(id: Uint8Array): ShardStat | undefined

  /**
   * About `limit` shards with ids greater than `after`. A shard that is here during the whole listing is listed exactly
   * once.
   */
  list(after?: Uint8Array, limit?: number): ShardPage

  /**
   * Forgets shards; resolves when that is durable. Idempotent; unknown ids are skipped. Needs no free capacity, but a disk
   * that isn't full. The space comes back by `compact`.
   */
  delete(ids: readonly Uint8Array[]): Promise<void>

  usage(): ShardStoreUsage

  /**
   * Reads and verifies shards from `cursor` on until about `budgetBytes` are checked (at least one shard). A shard that is
   * here during a whole pass is checked at least once in it. Cursors survive a restart.
   */
  scrub(cursor: Uint8Array | undefined, budgetBytes: number): Promise<ScrubReport>

  /** Gives garbage back to the disk where that pays. May be killed at any moment; a second call joins the first. */
  compact(): Promise<CompactionReport>

  /** Waits for what was begun, and frees the medium for another process. Later calls throw UsageError. */
  close(): Promise<void>
}
