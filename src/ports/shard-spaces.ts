/**
 * Which space and stripes a provider's shards belong to: what it goes by when offline tickets count, and what it announces. Hard promises of every adapter:
 * - what was added survives the end of the process; with the machine's power the newest may go: whoever reads or stores such a shard
 *   with the tracker's ticket adds it again.
 * - operations are idempotent and run to their end at once.
 */
export interface ShardSpaces {
  /** Both 32 bytes; `stripe` is the first byte of its stripe's id. A shard may belong to several of both: the empty one does. */
  add(shard: Uint8Array, space: Uint8Array, stripe: number): void
  has(shard: Uint8Array, space: Uint8Array): boolean
  /** The first bytes of the ids of stripes of which a shard is here, ascending, each once. */
  stripes(): readonly number[]
  /** Forgets shards that are gone. */
  forget(shards: readonly Uint8Array[]): void
  close(): void
}
