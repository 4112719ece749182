/**
 * Keeps freeing from taking a shard that somebody just stored. The tracker decides what to free from what it knew when the
 * report reached it; a put acknowledged after that would be lost. Invariants:
 * - a shard that is being put, or was put since the last report left, isn't freed now; the tracker names it again if it must go.
 * - a put of a shard that is being freed waits for that and then stores it anew.
 */
import { toHex } from '../../core/open/bytes.ts'

export interface FreeGuard {
  /** Runs a put of this shard. */
  put<T>(shard: Uint8Array, work: () => Promise<T>): Promise<T>
  /** A report is about to leave: what was put before it, the tracker could know. */
  reporting(): void
  /** Runs `work` with those of the shards that may be freed. */
  free<T>(shards: readonly Uint8Array[], work: (freeable: readonly Uint8Array[]) => Promise<T>): Promise<T>
}

export function createFreeGuard(): FreeGuard {
  const inFlight = new Map<string, number>()
  const freeing = new Map<string, Promise<void>>()
  let recent = new Set<string>()

  return {
    async put(shard, work) {
      const name = toHex(shard)
      for (let wait = freeing.get(name); wait !== undefined; wait = freeing.get(name)) await wait
      inFlight.set(name, (inFlight.get(name) ?? 0) + 1)
      try {
        return await work()
      } finally {
        const left = inFlight.get(name)! - 1
        if (left === 0) inFlight.delete(name)
        else inFlight.set(name, left)
        recent.add(name)
      }
    },
    reporting() {
      recent = new Set()
    },
    async free(shards, work) {
      const named = shards.map((shard) => ({ shard, name: toHex(shard) }))
      const mine = named.filter(({ name }) => !inFlight.has(name) && !recent.has(name) && !freeing.has(name))
      const { promise, resolve } = Promise.withResolvers<void>()
      for (const { name } of mine) freeing.set(name, promise)
      try {
        return await work(mine.map(({ shard }) => shard))
      } finally {
        for (const { name } of mine) freeing.delete(name)
        resolve()
      }
    },
  }
}
