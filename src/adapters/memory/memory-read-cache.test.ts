import { readCacheConformance } from '../../ports/read-cache.conformance.ts'
import { MemoryCacheRecords, memoryReadCache } from './memory-read-cache.ts'

readCacheConformance('a cache in memory', () => {
  const records = new MemoryCacheRecords()
  return { open: (maxBytes) => memoryReadCache(records, maxBytes), cleanUp: () => undefined }
})
