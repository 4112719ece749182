import { toHex } from '../../core/open/bytes.ts'
import type { ShardSpaces } from '../../ports/shard-spaces.ts'

/** Shards' spaces in memory; `kept` survives what opens them. */
export function memoryShardSpaces(kept: Map<string, Set<string>> = new Map()): ShardSpaces {
  return {
    add(shard, space) {
      const key = toHex(shard)
      const spaces = kept.get(key) ?? new Set()
      kept.set(key, spaces.add(toHex(space)))
    },
    has: (shard, space) => kept.get(toHex(shard))?.has(toHex(space)) === true,
    forget(shards) {
      for (const shard of shards) kept.delete(toHex(shard))
    },
    close() {},
  }
}
