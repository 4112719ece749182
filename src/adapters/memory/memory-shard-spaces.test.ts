import { shardSpacesConformance } from '../../ports/shard-spaces.conformance.ts'
import { memoryShardSpaces } from './memory-shard-spaces.ts'

shardSpacesConformance('spaces of shards in memory', () => {
  const kept = new Map<string, Map<string, Set<number>>>()
  return { open: () => memoryShardSpaces(kept), cleanUp: () => kept.clear() }
})
