/** Shards in memory, for tests and the simulator: keeps every promise of the port but the durable ones. */
import { compareBytes, concatBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import {
  CapacityError,
  DamagedShardError,
  NotFoundError,
  UntrustedError,
  UsageError,
} from '../../core/open/errors.ts'
import type { HashFunction } from '../../core/open/merkle.ts'
import { shardId, shardLeaves } from '../../core/open/merkle.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type {
  CompactionReport,
  ListedShard,
  ScrubReport,
  ShardPage,
  ShardRange,
  ShardStat,
  ShardStore,
  ShardStoreUsage,
} from '../../ports/shard-store.ts'
import { checkRanges, checkShard, checkShardId } from '../../ports/shard-store-arguments.ts'

const DEFAULT_PAGE = 1_024

interface Shard {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
  whole: boolean
}

export class MemoryShardStore implements ShardStore {
  readonly #hash: HashFunction
  readonly #capacity: number
  readonly #shards = new Map<string, Shard>()
  #used = 0
  #closed = false

  constructor(primitives: Pick<Primitives, 'blake3'>, capacity: number) {
    this.#hash = primitives.blake3
    this.#capacity = capacity
  }

  /** Flips a bit of a stored shard, as a rotting medium would. */
  damage(id: Uint8Array, offset: number): void {
    const shard = this.#shard(id)
    shard.bytes[offset] = shard.bytes[offset]! ^ 1
  }

  async put(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    checkShard(id, bytes)
    if (!equalBytes(shardId(this.#hash, bytes), id)) {
      throw new UntrustedError("these bytes are not the shard's", { shard: id })
    }
    const before = this.#shards.get(toHex(id))
    const needed = before === undefined ? bytes.length : 0
    if (this.#used + needed > this.#capacity) {
      throw new CapacityError('the capacity of this store is used up', {
        capacity: this.#capacity,
        used: this.#used,
        needed,
      })
    }
    this.#used += needed
    this.#shards.set(toHex(id), { id: Uint8Array.from(id), bytes: Uint8Array.from(bytes), whole: true })
  }

  async read(id: Uint8Array, ranges?: readonly ShardRange[]): Promise<Uint8Array> {
    this.#checkOpen()
    const shard = this.#shard(id)
    const wanted = ranges ?? [{ offset: 0, length: shard.bytes.length }]
    checkRanges(wanted, shard.bytes.length)
    if (!this.#isWhole(shard)) throw new DamagedShardError('the shard is damaged', { shard: id })
    const parts = wanted.map(({ offset, length }) => shard.bytes.slice(offset, offset + length))
    return concatBytes(...parts)
  }

  async leaves(id: Uint8Array): Promise<Uint8Array[]> {
    this.#checkOpen()
    const shard = this.#shard(id)
    if (!this.#isWhole(shard)) throw new DamagedShardError('the shard is damaged', { shard: id })
    return shardLeaves(this.#hash, shard.bytes)
  }

  stat(id: Uint8Array): ShardStat | undefined {
    checkShardId(id)
    const shard = this.#shards.get(toHex(id))
    return shard === undefined ? undefined : { length: shard.bytes.length, whole: shard.whole }
  }

  list(after?: Uint8Array, limit: number = DEFAULT_PAGE): ShardPage {
    if (after !== undefined) checkShardId(after)
    const rest = this.#after(after)
    const shards = rest
      .slice(0, limit)
      .map(({ id, bytes, whole }): ListedShard => ({ id, length: bytes.length, whole }))
    return rest.length > shards.length ? { shards, next: shards.at(-1)!.id } : { shards }
  }

  async delete(ids: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen()
    for (const id of ids) checkShardId(id)
    for (const id of ids) {
      this.#used -= this.#shards.get(toHex(id))?.bytes.length ?? 0
      this.#shards.delete(toHex(id))
    }
  }

  usage(): ShardStoreUsage {
    return {
      capacity: this.#capacity,
      used: this.#used,
      live: this.#used,
      shards: this.#shards.size,
      damagedFiles: 0,
    }
  }

  async scrub(cursor: Uint8Array | undefined, budgetBytes: number): Promise<ScrubReport> {
    this.#checkOpen()
    const damaged: Uint8Array[] = []
    let checkedBytes = 0
    let previous: Uint8Array | undefined
    for (const shard of this.#after(cursor)) {
      if (previous !== undefined && checkedBytes >= budgetBytes)
        return { checkedBytes, damaged, next: previous }
      if (!this.#isWhole(shard)) damaged.push(shard.id)
      checkedBytes += shard.bytes.length
      previous = shard.id
    }
    return { checkedBytes, damaged }
  }

  async compact(): Promise<CompactionReport> {
    this.#checkOpen()
    return { reclaimedBytes: 0 }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #after(id: Uint8Array | undefined): Shard[] {
    return [...this.#shards.values()]
      .filter((shard) => id === undefined || compareBytes(shard.id, id) > 0)
      .sort((a, b) => compareBytes(a.id, b.id))
  }

  #isWhole(shard: Shard): boolean {
    shard.whole = equalBytes(shardId(this.#hash, shard.bytes), shard.id)
    return shard.whole
  }

  #shard(id: Uint8Array): Shard {
    checkShardId(id)
    const shard = this.#shards.get(toHex(id))
    if (shard === undefined) throw new NotFoundError('the shard is not here', { shard: id })
    return shard
  }

  #checkOpen(): void {
    if (this.#closed) throw new UsageError('the store is closed')
  }
}
