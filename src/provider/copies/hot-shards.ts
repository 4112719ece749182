/**
 * Which shards here are read a lot. Invariants:
 * - at most MAX_COUNTED are counted; for another one the coldest goes: whoever reads much once pushes out what is read little, never what
 *   is read a lot.
 * - one device alone makes nothing hot: it has what it read, and tools that read everything again and again are alone.
 * - after the tracker was told, a shard is counted from nothing: one that copies relieve enough isn't told again.
 */
import { toHex } from '../../core/open/bytes.ts'
import type { Clock } from '../../ports/clock.ts'
import { Heat } from './heat.ts'

/** A shard that was read whole so many times within minutes is hot: a copy costs one read more. */
export const HOT_TIMES = 8
/** About 300 bytes each; 4 GB of the largest shards. */
export const MAX_COUNTED = 1_024

/** Below this part of one read it counts as nobody's: who read it is forgotten. */
const FADED = 1 / 16

interface Counted {
  readonly shard: Uint8Array
  /** Bytes of the shard. */
  readonly length: number
  readonly heat: Heat
  /** Who read it first since it last faded. */
  reader: string | undefined
  /** Others did, too. */
  isShared: boolean
}

export class HotShards {
  readonly #clock: Clock
  readonly #counted = new Map<string, Counted>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#counted.size
  }

  /** `bytes` of a shard of `length` bytes went to the holder of this net key. */
  served(shard: Uint8Array, length: number, bytes: number, netKey: Uint8Array): void {
    if (length === 0) return
    const now = this.#clock.monotonic()
    const reader = toHex(netKey)
    const counted = this.#counted.get(toHex(shard)) ?? this.#begin(shard, length, now)
    if (times(counted, now) < FADED) {
      counted.reader = reader
      counted.isShared = false
    } else counted.isShared ||= counted.reader !== reader
    counted.heat.add(bytes, now)
  }

  /** Up to `limit` shards that are read a lot, the hottest first. */
  hottest(limit: number): Uint8Array[] {
    const now = this.#clock.monotonic()
    return [...this.#counted.values()]
      .filter((counted) => counted.isShared && times(counted, now) >= HOT_TIMES)
      .sort((a, b) => times(b, now) - times(a, now))
      .slice(0, limit)
      .map(({ shard }) => shard)
  }

  /** The tracker knows of these. */
  told(shards: readonly Uint8Array[]): void {
    for (const shard of shards) this.#counted.delete(toHex(shard))
  }

  #begin(shard: Uint8Array, length: number, now: number): Counted {
    if (this.#counted.size >= MAX_COUNTED) this.#forgetColdest(now)
    const counted = {
      shard: shard.slice(),
      length,
      heat: new Heat(0, now),
      reader: undefined,
      isShared: false,
    }
    this.#counted.set(toHex(shard), counted)
    return counted
  }

  #forgetColdest(now: number): void {
    let coldest: { readonly name: string; readonly times: number } | undefined
    for (const [name, counted] of this.#counted) {
      const here = times(counted, now)
      if (coldest === undefined || here < coldest.times) coldest = { name, times: here }
    }
    if (coldest !== undefined) this.#counted.delete(coldest.name)
  }
}

/** How often the shard was read whole, lately. */
function times({ heat, length }: Counted, now: number): number {
  return heat.at(now) / length
}
