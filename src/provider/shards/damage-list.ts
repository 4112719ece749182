/** Damage that was seen here and not yet acknowledged by the tracker: each shard once, bounded, oldest first. */
import { toHex } from '../../core/open/bytes.ts'
import type { DAMAGE_MISSING, DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import { firstOf } from '../first-of.ts'

/** About 150 bytes each. What doesn't fit is seen again by the next pass of scrubbing. */
const MAX_PENDING_DAMAGE = 65_536

type DamageKind = typeof DAMAGE_WRONG | typeof DAMAGE_MISSING
type DamagedShard = readonly [shard: Uint8Array, what: DamageKind]

export interface DamageList {
  add(shard: Uint8Array, what: DamageKind): void
  /** The shard is whole again. */
  remove(shard: Uint8Array): void
  /** Up to `limit` entries, oldest first. */
  pending(limit: number): readonly DamagedShard[]
  /** Forgets what was reported. */
  acknowledge(reported: readonly DamagedShard[]): void
}

export function createDamageList(max: number = MAX_PENDING_DAMAGE): DamageList {
  const entries = new Map<string, DamagedShard>()
  return {
    add(shard, what) {
      const name = toHex(shard)
      if (entries.size < max || entries.has(name)) entries.set(name, [shard.slice(), what])
    },
    remove: (shard) => void entries.delete(toHex(shard)),
    pending: (limit) => firstOf(entries.values(), limit),
    acknowledge(reported) {
      for (const entry of reported) {
        const name = toHex(entry[0])
        // Seen again since with another outcome: that is still to be told.
        if (entries.get(name) === entry) entries.delete(name)
      }
    },
  }
}
