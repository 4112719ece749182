import { shardStoreConformance } from '../../ports/shard-store.conformance.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { MemoryShardStore } from './memory-shard-store.ts'

shardStoreConformance('MemoryShardStore', {
  primitives: nodePrimitives,
  setup: async (capacity) => {
    const store = new MemoryShardStore(nodePrimitives, capacity)
    return {
      store,
      damage: async (id, _bytes, offset) => store.damage(id, offset),
      cleanUp: async () => {},
    }
  },
})
