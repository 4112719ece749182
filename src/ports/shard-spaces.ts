/**
 * Which space a provider's shards belong to: what it goes by when offline tickets count. Hard promises of every adapter:
 * - what was added survives the end of the process; with the machine's power the newest may go: whoever reads or stores such a shard
 *   with the tracker's ticket adds it again.
 * - operations are idempotent and run to their end at once.
 */
export interface ShardSpaces {
  /** Both 32 bytes. A shard may belong to several spaces: the empty one does. */
  add(shard: Uint8Array, space: Uint8Array): void
  has(shard: Uint8Array, space: Uint8Array): boolean
  /** Forgets shards that are gone. */
  forget(shards: readonly Uint8Array[]): void
  close(): void
}
