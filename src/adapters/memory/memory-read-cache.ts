import { toHex } from '../../core/open/bytes.ts'
import type { CacheRecord, ReadCache } from '../../ports/read-cache.ts'
import { CACHE_NAME_BYTES, MAX_CACHE_BYTES, recordBytes } from '../../ports/read-cache.ts'

interface Stored extends CacheRecord {
  readonly left: Set<string>
}

/** What openers of one cache in memory share. */
export class MemoryCacheRecords {
  readonly byName = new Map<string, Stored>()
  /** The oldest first. */
  readonly all = new Set<Stored>()
  bytes = 0

  take(record: CacheRecord): void {
    const names = new Map(record.names.map((name) => [toHex(name), name]))
    const stored: Stored = {
      value: record.value.slice(),
      names: [...names.values()],
      left: new Set(names.keys()),
    }
    for (const name of names.keys()) {
      const before = this.byName.get(name)
      if (before?.left.delete(name) === true) this.bytes -= CACHE_NAME_BYTES
      if (before?.left.size === 0) this.drop(before)
      this.byName.set(name, stored)
    }
    this.all.add(stored)
    this.bytes += recordBytes(stored)
  }

  drop(record: Stored): void {
    if (!this.all.delete(record)) return
    this.bytes -= record.value.length + record.left.size * CACHE_NAME_BYTES
    for (const name of record.left) this.byName.delete(name)
  }
}

/** A cache that lives as long as its records. */
export function memoryReadCache(
  records: MemoryCacheRecords = new MemoryCacheRecords(),
  maxBytes: number = MAX_CACHE_BYTES,
): ReadCache {
  return {
    get: (name) => Promise.resolve(records.byName.get(toHex(name))?.value.slice()),
    put(added) {
      for (const record of added) if (recordBytes(record) <= maxBytes) records.take(record)
      for (const oldest of records.all) {
        if (records.bytes <= maxBytes) break
        records.drop(oldest)
      }
      return Promise.resolve()
    },
    usage: () => Promise.resolve({ records: records.all.size, bytes: records.bytes, maxBytes }),
    close: () => Promise.resolve(),
  }
}
