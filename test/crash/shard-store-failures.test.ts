/** The disk fails at every single operation of a short life of the store, in every way: what was acknowledged stays. */
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDiskShardStore } from '../../src/adapters/disk/disk-shard-store.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { AllmendError, CapacityError, InternalError, NotFoundError } from '../../src/core/open/errors.ts'
import { shardId } from '../../src/core/open/merkle.ts'
import type { ShardStore } from '../../src/ports/shard-store.ts'
import { nodeFiles } from '../../src/adapters/disk/disk-files.ts'
import type { DiskFiles } from '../../src/adapters/disk/disk-files.ts'
import type { Failure } from './shard-store-failing-disk.ts'
import { FailingDisk } from './shard-store-failing-disk.ts'
import { seededBytes } from './shard-store-random.ts'

/** A power failure loses something else each time. */
const POWER_SEEDS = Math.ceil(Number(process.env.ALLMEND_CRASH_ROUNDS ?? 20) / 7)

const ALL = Array.from({ length: 12 }, (_, shard) => shard)

const open = (folder: string, files: DiskFiles): Promise<ShardStore> =>
  openDiskShardStore({ folder, capacity: 1e8, segmentBytes: 60_000, primitives: nodePrimitives, files })

const bytesOf = (shard: number): Uint8Array => seededBytes(shard, 1 + ((shard * 7_919) % 30_000))
const idOf = (shard: number): Uint8Array => shardId(nodePrimitives.blake3, bytesOf(shard))

interface Known {
  readonly stored: Set<number>
  readonly deleted: Set<number>
}

/** One operation; its failure must be typed. Whether it succeeded. */
async function attempt(failure: Failure, operation: () => Promise<unknown>): Promise<boolean> {
  try {
    await operation()
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(AllmendError)
    if (failure === 'full') expect(error).toBeInstanceOf(CapacityError)
    else expect(error).toBeInstanceOf(InternalError)
    return false
  }
}

/** Puts, deletes and compacts; what succeeded is noted. */
async function live(store: ShardStore, failure: Failure, known: Known): Promise<void> {
  const put = async (shard: number): Promise<void> => {
    known.deleted.delete(shard)
    if (await attempt(failure, () => store.put(idOf(shard), bytesOf(shard)))) known.stored.add(shard)
  }
  const remove = async (shard: number): Promise<void> => {
    known.stored.delete(shard)
    if (await attempt(failure, () => store.delete([idOf(shard)]))) known.deleted.add(shard)
  }
  for (let shard = 0; shard < 6; shard++) await put(shard)
  await Promise.all([6, 7, 8, 9].map(put))
  for (const shard of [0, 1, 2, 4, 6]) await remove(shard)
  await attempt(failure, () => store.compact())
  await put(1)
  await Promise.all([put(10), remove(7), put(11)])
  await attempt(failure, () => store.compact())
  // Segments without anything alive are removed without a successor.
  for (const shard of known.stored) await remove(shard)
  await attempt(failure, () => store.compact())
  await put(3)
}

async function check(store: ShardStore, known: Known): Promise<void> {
  for (const shard of known.stored) {
    const bytes = await store.read(idOf(shard))
    expect(Buffer.compare(bytes, bytesOf(shard)), `shard ${shard}`).toBe(0)
  }
  for (const shard of known.deleted) {
    await expect(store.read(idOf(shard)), `deleted shard ${shard}`).rejects.toThrow(NotFoundError)
  }
}

describe('a disk that fails at any operation', () => {
  let root: string
  beforeAll(async () => {
    root = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-failures-'))
  })
  afterAll(() => fs.rm(root, { recursive: true }))

  /** Lives until the disk fails, and gives what must be left. */
  async function liveAndFail(folder: string, disk: FailingDisk, failure: Failure): Promise<Known> {
    const known: Known = { stored: new Set(), deleted: new Set() }
    let store: ShardStore | undefined
    await attempt(failure, async () => (store = await open(folder, disk.files)))
    if (store === undefined) return known
    await live(store, failure, known)
    if (failure === 'full' || failure === 'broken') {
      await check(store, known)
      disk.heal()
      await store.put(idOf(50), bytesOf(50))
      known.stored.add(50)
      await check(store, known)
    }
    await attempt(failure, () => store!.close())
    return known
  }

  // Beside each other: nearly all of the time is the disk's, until it is sure of what was written.
  test.concurrent.each<[Failure, number]>([
    ['kill', 0],
    ...Array.from({ length: POWER_SEEDS }, (_, seed): [Failure, number] => ['power', seed]),
    ['full', 0],
    ['broken', 0],
  ])('%s, seed %i: nothing acknowledged is lost', async (failure, seed) => {
    const counting = new FailingDisk('kill', Infinity, 0)
    await liveAndFail(path.join(root, `${failure}-whole-${seed}`), counting, failure)
    expect(counting.operations).toBeGreaterThan(50)
    for (let at = 1; at <= counting.operations; at++) {
      const folder = path.join(root, `${failure}-${at}-${seed}`)
      const disk = new FailingDisk(failure, at, seed)
      const known = await liveAndFail(folder, disk, failure)
      await disk.loseUnsynced()
      const store = await open(folder, nodeFiles)
      try {
        await check(store, known)
        await store.compact()
        await check(store, known)
        await Promise.all(ALL.map((shard) => store.put(idOf(shard), bytesOf(shard))))
        for (const shard of ALL) await store.read(idOf(shard))
        expect(await store.scrub(undefined, Infinity)).toMatchObject({ damaged: [] })
      } catch (error) {
        throw new Error(`${failure} at operation ${at}, seed ${seed}`, { cause: error })
      } finally {
        await store.close()
      }
      await fs.rm(folder, { recursive: true })
    }
  })
})
