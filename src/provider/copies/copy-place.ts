import type { ShardStore } from '../../ports/shard-store.ts'

/** Where a provider keeps copies, apart from its shards. What an earlier process left there is never seen again. */
export interface CopyPlace {
  /** An empty store. */
  open(): Promise<ShardStore>
  /** Gives back what a store that was closed has taken. */
  clear(): Promise<void>
}
