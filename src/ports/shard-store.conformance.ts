/** Checks the promises of `ShardStore` on any adapter. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareBytes, concatBytes, toHex } from '../core/open/bytes.ts'
import {
  CapacityError,
  DamagedShardError,
  NotFoundError,
  UntrustedError,
  UsageError,
} from '../core/open/errors.ts'
import { SHARD_LEAF_BYTES, merkleRoot, shardId, shardLeaves } from '../core/open/merkle.ts'
import type { Primitives } from '../core/open/primitives.ts'
import { MAX_SHARD_BYTES } from '../core/open/stripes/stripe.ts'
import type { ShardStore } from './shard-store.ts'
import { MAX_RANGES } from './shard-store.ts'

/** What of `setup`'s capacity the suite needs at least. */
const CONFORMANCE_CAPACITY = 24 * 1024 * 1024

interface StoreUnderTest {
  readonly store: ShardStore
  /** Flips a bit of the stored shard at `offset` of its bytes. */
  damage(id: Uint8Array, bytes: Uint8Array, offset: number): Promise<void>
  cleanUp(): Promise<void>
}

interface Conformance {
  readonly primitives: Pick<Primitives, 'blake3'>
  /** A new, empty store. */
  setup(capacity: number): Promise<StoreUnderTest>
}

/** Bytes that differ for every seed and don't repeat within a leaf. */
export function testBytes(seed: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let state = (seed * 2_654_435_761 + 12_345) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    out[i] = state >>> 24
  }
  return out
}

export function shardStoreConformance(name: string, { primitives, setup }: Conformance): void {
  const { blake3 } = primitives
  const idOf = (bytes: Uint8Array): Uint8Array => shardId(blake3, bytes)

  describe(`${name} keeps the promises of a shard store`, () => {
    let under: StoreUnderTest
    let store: ShardStore
    beforeEach(async () => {
      under = await setup(CONFORMANCE_CAPACITY)
      store = under.store
    })
    afterEach(async () => {
      await store.close()
      await under.cleanUp()
    })

    const putTest = async (seed: number, length: number): Promise<{ id: Uint8Array; bytes: Uint8Array }> => {
      const bytes = testBytes(seed, length)
      const id = idOf(bytes)
      await store.put(id, bytes)
      return { id, bytes }
    }
    const allIds = (limit?: number): string[] => {
      const ids: Uint8Array[] = []
      for (let after: Uint8Array | undefined; ;) {
        const page = store.list(after, limit)
        ids.push(...page.shards.map(({ id }) => id))
        after = page.next
        if (after === undefined) break
      }
      expect(ids.toSorted(compareBytes)).toEqual(ids)
      return ids.map(toHex)
    }
    const scrubAll = async (budget: number): Promise<{ damaged: string[]; bytes: number }> => {
      const damaged: string[] = []
      let bytes = 0
      for (let cursor: Uint8Array | undefined; ;) {
        const report = await store.scrub(cursor, budget)
        damaged.push(...report.damaged.map(toHex))
        bytes += report.checkedBytes
        cursor = report.next
        if (cursor === undefined) return { damaged, bytes }
      }
    }

    test.each([0, 1, SHARD_LEAF_BYTES - 1, SHARD_LEAF_BYTES, SHARD_LEAF_BYTES + 1, 300_000, MAX_SHARD_BYTES])(
      'gives back a shard of %i bytes',
      async (length) => {
        const { id, bytes } = await putTest(length, length)
        expect(Buffer.compare(await store.read(id), bytes)).toBe(0)
        expect(store.stat(id)).toEqual({ length, whole: true })
        const leaves = await store.leaves(id)
        expect(leaves.map(toHex)).toEqual(shardLeaves(blake3, bytes).map(toHex))
        expect(toHex(merkleRoot(blake3, leaves))).toBe(toHex(id))
      },
    )

    test('refuses bytes that are not the id’s, and takes nothing of them', async () => {
      const bytes = testBytes(1, 40_000)
      const id = idOf(bytes)
      await expect(store.put(id, testBytes(2, 40_000))).rejects.toThrow(UntrustedError)
      await expect(store.put(id, bytes.subarray(1))).rejects.toThrow(UntrustedError)
      await expect(store.read(id)).rejects.toThrow(NotFoundError)
      expect(store.stat(id)).toBeUndefined()
      expect(store.usage().shards).toBe(0)
    })

    test('refuses arguments outside of its limits', async () => {
      const { id } = await putTest(1, 100)
      await expect(store.put(id.subarray(1), testBytes(1, 100))).rejects.toThrow(UsageError)
      await expect(store.put(id, new Uint8Array(MAX_SHARD_BYTES + 1))).rejects.toThrow(UsageError)
      for (const range of [
        { offset: 0, length: 101 },
        { offset: 101, length: 0 },
        { offset: -1, length: 1 },
        { offset: 0, length: -1 },
        { offset: 0.5, length: 1 },
        { offset: 1, length: Number.MAX_SAFE_INTEGER },
      ]) {
        await expect(store.read(id, [range])).rejects.toThrow(UsageError)
      }
      const many = Array.from({ length: MAX_RANGES + 1 }, () => ({ offset: 0, length: 0 }))
      await expect(store.read(id, many)).rejects.toThrow(UsageError)
    })

    test('reads ranges in the order asked for, overlapping ones too', async () => {
      const { id, bytes } = await putTest(3, 5 * SHARD_LEAF_BYTES + 77)
      const ranges = [
        { offset: bytes.length - 10, length: 10 },
        { offset: 0, length: 1 },
        { offset: SHARD_LEAF_BYTES - 3, length: 6 },
        { offset: SHARD_LEAF_BYTES, length: 2 * SHARD_LEAF_BYTES },
        { offset: bytes.length, length: 0 },
        { offset: 5, length: 0 },
      ]
      const expected = concatBytes(...ranges.map((r) => bytes.subarray(r.offset, r.offset + r.length)))
      expect(Buffer.compare(await store.read(id, ranges), expected)).toBe(0)
      expect((await store.read(id, [])).length).toBe(0)
      for (const range of ranges) {
        const part = await store.read(id, [range])
        expect(Buffer.compare(part, bytes.subarray(range.offset, range.offset + range.length))).toBe(0)
      }
    })

    test('put is idempotent, one after the other and at once', async () => {
      const { id, bytes } = await putTest(4, 50_000)
      const { used } = store.usage()
      await store.put(id, bytes)
      await Promise.all([store.put(id, bytes), store.put(id, bytes)])
      expect(store.usage().used).toBe(used)
      const other = testBytes(5, 50_000)
      await Promise.all([1, 2, 3].map(() => store.put(idOf(other), other)))
      expect(store.usage().shards).toBe(2)
    })

    test('keeps no hold on the caller’s buffers after put', async () => {
      const { id, bytes } = await putTest(6, 20_000)
      const [idBefore, before] = [Uint8Array.from(id), Uint8Array.from(bytes)]
      bytes.fill(0)
      id.fill(0)
      expect(Buffer.compare(await store.read(idBefore), before)).toBe(0)
    })

    test('lists every shard once, whatever the page length', async () => {
      const ids = await Promise.all(
        Array.from({ length: 60 }, async (_, i) => toHex((await putTest(i, 10 + i)).id)),
      )
      for (const limit of [1, 7, 60, undefined]) expect(allIds(limit)).toEqual(ids.toSorted())
    })

    test('deletes, again and unknown ones too, and takes the same shard again', async () => {
      const [a, b] = [await putTest(7, 30_000), await putTest(8, 30_000)]
      await store.delete([a.id, idOf(testBytes(9, 5))])
      await store.delete([a.id])
      await expect(store.read(a.id)).rejects.toThrow(NotFoundError)
      await expect(store.leaves(a.id)).rejects.toThrow(NotFoundError)
      expect(allIds()).toEqual([toHex(b.id)])
      await store.put(a.id, a.bytes)
      expect(Buffer.compare(await store.read(a.id), a.bytes)).toBe(0)
    })

    test('never serves damaged bytes, reports them, and heals by put', async () => {
      const shards = []
      for (let i = 0; i < 5; i++) shards.push(await putTest(20 + i, 100_000))
      const { id, bytes } = shards[2]!
      await under.damage(id, bytes, 70_000)
      await expect(store.read(id)).rejects.toThrow(DamagedShardError)
      await expect(store.read(id, [{ offset: 70_000, length: 1 }])).rejects.toThrow(DamagedShardError)
      expect(store.stat(id)).toEqual({ length: bytes.length, whole: false })
      for (const other of shards) {
        if (other.id !== id) expect(Buffer.compare(await store.read(other.id), other.bytes)).toBe(0)
      }
      expect((await scrubAll(150_000)).damaged).toEqual([toHex(id)])
      await store.put(id, bytes)
      expect(Buffer.compare(await store.read(id), bytes)).toBe(0)
      expect(store.stat(id)).toEqual({ length: bytes.length, whole: true })
      expect(await scrubAll(1)).toEqual({ damaged: [], bytes: 500_000 })
    })

    test('a put over unnoticed damage heals it', async () => {
      const { id, bytes } = await putTest(30, 100_000)
      await under.damage(id, bytes, 99_999)
      await store.put(id, bytes)
      expect(Buffer.compare(await store.read(id), bytes)).toBe(0)
    })

    test('holds no more than its capacity, and goes on after refusing', async () => {
      const kept = []
      let refused: unknown
      for (let i = 0; i < 40 && refused === undefined; i++) {
        const bytes = testBytes(i, 1_000_000)
        try {
          await store.put(idOf(bytes), bytes)
          kept.push(bytes)
        } catch (error) {
          refused = error
        }
      }
      expect(refused).toBeInstanceOf(CapacityError)
      expect(kept.length).toBeGreaterThanOrEqual(20)
      expect(store.usage().used).toBeLessThanOrEqual(CONFORMANCE_CAPACITY)
      for (const bytes of kept) expect(Buffer.compare(await store.read(idOf(bytes)), bytes)).toBe(0)
      await store.delete(kept.slice(0, 15).map(idOf))
      await store.compact()
      await putTest(100, 1_000_000)
      for (const bytes of kept.slice(15)) expect(Buffer.compare(await store.read(idOf(bytes)), bytes)).toBe(0)
    })

    test('compaction changes nothing that one can see', async () => {
      const shards = []
      for (let i = 0; i < 12; i++) shards.push(await putTest(40 + i, 200_000))
      await under.damage(shards[1]!.id, shards[1]!.bytes, 5)
      await store.delete(shards.slice(4).map(({ id }) => id))
      await Promise.all([store.compact(), store.compact()])
      await store.compact()
      for (const [i, { id, bytes }] of shards.entries()) {
        if (i === 1) await expect(store.read(id)).rejects.toThrow(DamagedShardError)
        else if (i >= 4) await expect(store.read(id)).rejects.toThrow(NotFoundError)
        else expect(Buffer.compare(await store.read(id), bytes)).toBe(0)
      }
      expect((await scrubAll(1_000)).damaged).toEqual([toHex(shards[1]!.id)])
    })

    test('counts what it holds', async () => {
      expect(store.usage()).toMatchObject({ capacity: CONFORMANCE_CAPACITY, shards: 0, damagedFiles: 0 })
      await putTest(50, 1_000)
      const { shards, used, live } = store.usage()
      expect(shards).toBe(1)
      expect(live).toBeGreaterThanOrEqual(1_000)
      expect(used).toBeGreaterThanOrEqual(live)
    })

    test('refuses to work after close', async () => {
      const { id, bytes } = await putTest(60, 10)
      await store.close()
      await store.close()
      await expect(store.read(id)).rejects.toThrow(UsageError)
      await expect(store.put(id, bytes)).rejects.toThrow(UsageError)
    })
  })
}
