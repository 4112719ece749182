/**
 * Where each shard is: an open-addressing table in one typed array, 44 bytes a slot at most 3/4 full, so 59 to 117
 * bytes a shard. Slots are chosen by a hash under a secret of this process: ids are chosen by others, who could
 * otherwise make them collide. Segment 0 marks a free slot.
 */
import * as crypto from 'node:crypto'

const WORDS = 11
const SEGMENT = 8
const OFFSET = 9
const LENGTH = 10
/** Shards are far smaller than 2^30 bytes: the two bits above hold the state. */
const LENGTH_BITS = 30
const STATES = ['whole', 'damaged', 'lost'] as const
const FIRST_SLOTS = 64

export interface IndexEntry {
  /** Number of the open segment, from 1. */
  readonly segment: number
  readonly offset: number
  readonly length: number
  /** `damaged`: its record is known to be damaged; `lost`: its record only tells that it was. */
  readonly state: (typeof STATES)[number]
}

export interface FoundEntry extends IndexEntry {
  readonly id: Uint8Array
}

export class ShardIndex {
  #words = new Uint32Array(FIRST_SLOTS * WORDS)
  #mask = FIRST_SLOTS - 1
  #size = 0
  readonly #seeds = new Uint32Array(new Uint8Array(crypto.randomBytes(32)).buffer)
  readonly #key = new Uint32Array(8)

  get size(): number {
    return this.#size
  }

  get(id: Uint8Array): IndexEntry | undefined {
    const slot = this.#find(id)
    return this.#words[slot + SEGMENT] === 0 ? undefined : this.#entry(slot)
  }

  /** Sets an entry and returns the one before. */
  set(id: Uint8Array, entry: IndexEntry): IndexEntry | undefined {
    if ((this.#size + 1) * 4 > (this.#mask + 1) * 3) this.#grow()
    const slot = this.#find(id)
    const before = this.#words[slot + SEGMENT] === 0 ? undefined : this.#entry(slot)
    if (before === undefined) this.#size++
    this.#words.set(this.#key, slot)
    this.#words[slot + SEGMENT] = entry.segment
    this.#words[slot + OFFSET] = entry.offset
    this.#words[slot + LENGTH] = entry.length | (STATES.indexOf(entry.state) << LENGTH_BITS)
    return before
  }

  /** Removes an entry and returns it. */
  delete(id: Uint8Array): IndexEntry | undefined {
    let hole = this.#find(id)
    if (this.#words[hole + SEGMENT] === 0) return undefined
    const before = this.#entry(hole)
    this.#size--
    // Later ones of the same run move up, so that no search ends at the hole before it reaches them.
    const words = this.#words
    let slot = hole
    for (;;) {
      slot = this.#after(slot)
      if (words[slot + SEGMENT] === 0) break
      const home = this.#home(slot, words) * WORDS
      const stays = hole <= slot ? home > hole && home <= slot : home > hole || home <= slot
      if (stays) continue
      words.copyWithin(hole, slot, slot + WORDS)
      hole = slot
    }
    words[hole + SEGMENT] = 0
    return before
  }

  /** Entries whose first 32 id bits are within [from, to]. */
  within(from: number, to: number): FoundEntry[] {
    const found: FoundEntry[] = []
    for (let slot = 0; slot < this.#words.length; slot += WORDS) {
      const first = this.#words[slot]!
      if (first >= from && first <= to && this.#words[slot + SEGMENT] !== 0) found.push(this.#found(slot))
    }
    return found
  }

  /** Entries that point into a segment, by offset. */
  inSegment(segment: number): FoundEntry[] {
    const found: FoundEntry[] = []
    for (let slot = 0; slot < this.#words.length; slot += WORDS) {
      if (this.#words[slot + SEGMENT] === segment) found.push(this.#found(slot))
    }
    return found.sort((a, b) => a.offset - b.offset)
  }

  #entry(slot: number): IndexEntry {
    const length = this.#words[slot + LENGTH]!
    return {
      segment: this.#words[slot + SEGMENT]!,
      offset: this.#words[slot + OFFSET]!,
      length: length & ((1 << LENGTH_BITS) - 1),
      state: STATES[length >>> LENGTH_BITS]!,
    }
  }

  #found(slot: number): FoundEntry {
    const id = new Uint8Array(32)
    const view = new DataView(id.buffer)
    for (let i = 0; i < 8; i++) view.setUint32(4 * i, this.#words[slot + i]!)
    return { id, ...this.#entry(slot) }
  }

  #after(slot: number): number {
    return slot + WORDS === this.#words.length ? 0 : slot + WORDS
  }

  /** Loads the id into #key and returns its slot, or the free one where it belongs. */
  #find(id: Uint8Array): number {
    const view = new DataView(id.buffer, id.byteOffset, 32)
    const key = this.#key
    for (let i = 0; i < 8; i++) key[i] = view.getUint32(4 * i)
    const words = this.#words
    let slot = this.#home(0, key) * WORDS
    while (words[slot + SEGMENT] !== 0) {
      let i = 0
      while (i < 8 && words[slot + i] === key[i]) i++
      if (i === 8) return slot
      slot = this.#after(slot)
    }
    return slot
  }

  #home(at: number, words: Uint32Array): number {
    let hash = 0
    for (let i = 0; i < 8; i++) {
      hash = Math.imul(hash ^ words[at + i]! ^ this.#seeds[i]!, 0x9e37_79b1)
      hash ^= hash >>> 15
    }
    return hash & this.#mask
  }

  #grow(): void {
    const old = this.#words
    this.#words = new Uint32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let slot = 0; slot < old.length; slot += WORDS) {
      if (old[slot + SEGMENT] === 0) continue
      let to = this.#home(slot, old) * WORDS
      while (this.#words[to + SEGMENT] !== 0) to = this.#after(to)
      this.#words.set(old.subarray(slot, slot + WORDS), to)
    }
  }
}
