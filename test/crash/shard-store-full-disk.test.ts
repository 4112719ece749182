/** A real file system that runs full, where this process may mount one. */
import * as childProcess from 'node:child_process'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDiskShardStore } from '../../src/adapters/disk/disk-shard-store.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { CapacityError } from '../../src/core/open/errors.ts'
import { shardId } from '../../src/core/open/merkle.ts'
import type { ShardStore } from '../../src/ports/shard-store.ts'
import { seededBytes } from './shard-store-random.ts'

const SHARD_BYTES = 300_000

let mount: string
let mounted = false
beforeAll(async () => {
  mount = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-full-'))
  const { status } = childProcess.spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount])
  mounted = status === 0
})
afterAll(async () => {
  if (mounted) childProcess.spawnSync('umount', [mount])
  await fs.rm(mount, { recursive: true })
})

const open = (): Promise<ShardStore> =>
  openDiskShardStore({
    folder: path.join(mount, 'store'),
    capacity: 1e9,
    segmentBytes: 2_000_000,
    primitives: nodePrimitives,
  })

test('a full disk refuses, loses nothing, and goes on when there is room again', async (context) => {
  context.skip(!mounted, 'mounting a small file system needs root: not tested here')
  const bytesOf = (shard: number): Uint8Array => seededBytes(shard, SHARD_BYTES)
  const idOf = (shard: number): Uint8Array => shardId(nodePrimitives.blake3, bytesOf(shard))
  const stored: number[] = []
  const checkAll = async (store: ShardStore): Promise<void> => {
    for (const shard of stored) expect(Buffer.compare(await store.read(idOf(shard)), bytesOf(shard))).toBe(0)
    expect(await store.scrub(undefined, Infinity)).toMatchObject({ damaged: [] })
  }
  let store = await open()
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, shard) => {
      await store.put(idOf(shard), bytesOf(shard))
      stored.push(shard)
    }),
  )
  const refused = results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => reason as unknown)
  expect(refused.length).toBeGreaterThan(0)
  for (const error of refused) expect(error).toBeInstanceOf(CapacityError)
  for (let shard = 100; shard < 140; shard++) {
    try {
      await store.put(idOf(shard), bytesOf(shard))
      stored.push(shard)
    } catch (error) {
      expect(error).toBeInstanceOf(CapacityError)
    }
  }
  expect(stored.length).toBeGreaterThan(15)
  await checkAll(store)
  await store.close()
  store = await open()
  await checkAll(store)
  childProcess.execFileSync('mount', ['-o', 'remount,size=32m', mount])
  for (let shard = 200; shard < 230; shard++) {
    await store.put(idOf(shard), bytesOf(shard))
    stored.push(shard)
  }
  await checkAll(store)
  expect(store.usage().damagedFiles).toBe(0)
  await store.close()
})
