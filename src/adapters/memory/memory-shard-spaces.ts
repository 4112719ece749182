import { toHex } from '../../core/open/bytes.ts'
import type { ShardSpaces } from '../../ports/shard-spaces.ts'

/** Shards' spaces in memory; `kept` survives what opens them. */
export function memoryShardSpaces(kept: Map<string, Map<string, Set<number>>> = new Map()): ShardSpaces {
  return {
    add(shard, space, stripe) {
      const key = toHex(shard)
      const spaces = kept.get(key) ?? new Map<string, Set<number>>()
      const stripes = spaces.get(toHex(space)) ?? new Set()
      kept.set(key, spaces.set(toHex(space), stripes.add(stripe)))
    },
    has: (shard, space) => kept.get(toHex(shard))?.has(toHex(space)) === true,
    stripes() {
      const all = [...kept.values()].flatMap((spaces) => [...spaces.values()].flatMap((held) => [...held]))
      return [...new Set(all)].sort((a, b) => a - b)
    },
    forget(shards) {
      for (const shard of shards) kept.delete(toHex(shard))
    },
    close() {},
  }
}
