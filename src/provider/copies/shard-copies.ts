/**
 * Copies of other providers' shards, kept while they are read a lot. Invariants:
 * - only bytes with the shard's own id are kept, and none is served unverified.
 * - copies never cost a shard its place: they take at most a part of what is free, and go before a shard is refused for lack of room.
 * - a copy is named in reports for as long as it is served, and no longer.
 * - nothing of them outlives the process: a new one begins without any.
 */
import { toHex } from '../../core/open/bytes.ts'
import { COPIES_SHARE, MAX_COPIES_KEPT } from '../../core/open/stripes/copies.ts'
import { AllmendError, DamagedShardError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { ShardRange, ShardStore } from '../../ports/shard-store.ts'
import type { ProviderEvents } from '../provider-events.ts'
import type { ProviderState } from '../provider-state.ts'
import { withIntake } from '../shards/with-intake.ts'
import type { CopyPlace } from './copy-place.ts'
import type { CopyAsk, CopySource, FetchParts } from './fetch-copy.ts'
import { fetchCopy, sourceOf } from './fetch-copy.ts'
import { Heat } from './heat.ts'

/** A new copy counts as read so many times: unread it goes after two half-lives. */
const FIRST_TIMES = 4
/** A copy that was read less than once lately goes. */
const COLD_TIMES = 1
/** Leaf hashes and headers of a shard on disk are less. */
const RECORD_BYTES = 64 * 1024
/** A holder that served wrong bytes isn't read from for so long, */
const BLAMED_MS = 3_600_000
/** and so many are remembered. */
const MAX_BLAMED = 64

export interface ShardCopiesParts extends FetchParts {
  readonly place: CopyPlace
  readonly intake: ProviderState['intake']
  readonly events: Pick<ProviderEvents, 'copyKept' | 'copyNotKept' | 'copiesDropped' | 'maintenanceFailed'>
  /** What the provider's shards take, of how much. */
  readonly usage: () => { readonly capacity: number; readonly used: number }
}

interface Copy {
  readonly shard: Uint8Array
  readonly length: number
  readonly heat: Heat
}

export class ShardCopies {
  readonly #parts: ShardCopiesParts
  readonly #copies = new Map<string, Copy>()
  readonly #blamed = new Map<string, number>()
  /** There is one while there are copies. */
  #store: ShardStore | undefined
  /** Changes run one after the other. */
  #changes: Promise<unknown> = Promise.resolve()
  #fetching: Promise<void> | undefined

  constructor(parts: ShardCopiesParts) {
    this.#parts = parts
  }

  /** Shards of which there are copies. */
  get shards(): Uint8Array[] {
    return [...this.#copies.values()].map(({ shard }) => shard)
  }

  /** Bytes that copies take. */
  get usedBytes(): number {
    return this.#store?.usage().used ?? 0
  }

  /** Ranges of a copy, or all of it; throws NotFoundError where there is none any more: that is no damage. */
  async read(shard: Uint8Array, ranges?: readonly ShardRange[]): Promise<Uint8Array> {
    const copy = this.#copies.get(toHex(shard))
    const gone = (options?: { cause: unknown }) =>
      new NotFoundError('this copy is not kept any more', { shard: shard.slice() }, options)
    if (copy === undefined || this.#store === undefined) throw gone()
    try {
      const body = await this.#store.read(shard, ranges)
      copy.heat.add(body.length, this.#parts.clock.monotonic())
      return body
    } catch (cause) {
      if (cause instanceof DamagedShardError) await this.drop([shard])
      else if (!(cause instanceof NotFoundError || cause instanceof UsageError)) throw cause
      // Dropped, or all of them, while it was read.
      throw gone({ cause })
    }
  }

  /** Begins to fetch what a tracker asks for, unless another copy is being fetched; a failure is told. Never throws. */
  fetch(ask: CopyAsk, signal: AbortSignal): void {
    this.#fetching ??= this.#fetch(ask, signal).finally(() => (this.#fetching = undefined))
  }

  /** Resolves when nothing is being fetched. */
  async idle(): Promise<void> {
    await this.#fetching
  }

  /** Drops what isn't read any more, and one more while copies take more than their part. Never throws. */
  async cool(): Promise<void> {
    const now = this.#parts.clock.monotonic()
    const byHeat = [...this.#copies.values()]
      .map(({ shard, length, heat }) => ({ shard, times: heat.at(now) / length }))
      .sort((a, b) => a.times - b.times)
    const cold = byHeat.filter(({ times }) => times < COLD_TIMES)
    if (cold.length === 0 && this.usedBytes > this.#share()) cold.push(...byHeat.slice(0, 1))
    await this.drop(cold.map(({ shard }) => shard))
  }

  /** Drops these copies. Never throws: where the disk fails, all of them go. */
  async drop(shards: readonly Uint8Array[]): Promise<void> {
    const names = shards.map(toHex).filter((name) => this.#copies.has(name))
    if (names.length === 0) return
    for (const name of names) this.#copies.delete(name)
    this.#parts.events.copiesDropped(names.length)
    await this.#change(async () => {
      if (this.#copies.size === 0) return this.#clear()
      try {
        // One that came back meanwhile stays.
        await this.#store?.delete(shards.filter((shard) => !this.#copies.has(toHex(shard))))
        await this.#store?.compact()
      } catch (error) {
        this.#parts.events.maintenanceFailed('copies', error)
        await this.#clear()
      }
    })
  }

  /** Drops all copies where a shard of so many bytes would not fit beside them. Never throws. */
  async makeRoom(bytes: number): Promise<void> {
    const { capacity, used } = this.#parts.usage()
    if (used + bytes + RECORD_BYTES + this.usedBytes > capacity) await this.clear()
  }

  /** Drops all copies and gives their room back; false where there was nothing to give. Never throws. */
  async clear(): Promise<boolean> {
    if (this.#store === undefined) return false
    if (this.#copies.size > 0) this.#parts.events.copiesDropped(this.#copies.size)
    this.#copies.clear()
    await this.#change(() => this.#clear())
    return true
  }

  async #fetch(ask: CopyAsk, signal: AbortSignal): Promise<void> {
    const { events } = this.#parts
    try {
      const source = sourceOf(this.#parts, ask)
      const { shard, length, holder } = source
      if (this.#isBlamed(holder) || !this.#hasRoom(shard, length)) return
      await this.#fetchFrom(source, ask, signal)
      events.copyKept(shard, length, holder)
    } catch (error) {
      if (!signal.aborted) events.copyNotKept(error)
    }
  }

  async #fetchFrom(source: CopySource, ask: CopyAsk, signal: AbortSignal): Promise<void> {
    try {
      const bytes = await fetchCopy(this.#parts, ask, source, signal)
      // Not before: over a slow line that would keep members' shards waiting for minutes.
      await withIntake(this.#parts, source.length, signal, () => this.#keep(source.shard, bytes))
      freeBytes(bytes)
    } catch (error) {
      if (error instanceof AllmendError && error.policy === 'blame-peer') this.#blame(source.holder)
      throw error
    }
  }

  /** The store compares the bytes with the shard's id. */
  #keep(shard: Uint8Array, bytes: Uint8Array): Promise<void> {
    return this.#change(async () => {
      this.#store ??= await this.#parts.place.open()
      await this.#store.put(shard, bytes)
      const heat = new Heat(FIRST_TIMES * bytes.length, this.#parts.clock.monotonic())
      this.#copies.set(toHex(shard), { shard: shard.slice(), length: bytes.length, heat })
    })
  }

  #hasRoom(shard: Uint8Array, length: number): boolean {
    if (this.#copies.has(toHex(shard)) || this.#copies.size >= MAX_COPIES_KEPT) return false
    return this.usedBytes + length <= this.#share()
  }

  /** Bytes that copies may take. */
  #share(): number {
    const { capacity, used } = this.#parts.usage()
    return Math.max(0, capacity - used) / COPIES_SHARE
  }

  async #clear(): Promise<void> {
    const store = this.#store
    this.#store = undefined
    this.#copies.clear()
    try {
      await store?.close()
      await this.#parts.place.clear()
    } catch (error) {
      this.#parts.events.maintenanceFailed('copies', error)
    }
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(work, work)
    this.#changes = done.catch(() => undefined)
    return done
  }

  #blame(holder: Uint8Array): void {
    this.#blamed.set(toHex(holder), this.#parts.clock.monotonic() + BLAMED_MS)
    for (const oldest of this.#blamed.keys()) {
      if (this.#blamed.size <= MAX_BLAMED) break
      this.#blamed.delete(oldest)
    }
  }

  #isBlamed(holder: Uint8Array): boolean {
    return this.#parts.clock.monotonic() < (this.#blamed.get(toHex(holder)) ?? 0)
  }
}
