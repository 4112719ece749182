/**
 * The provider's shard store on a real disk, beside plain appends with fdatasync in the same run.
 * `node bench/stages/shard-store.ts [folder]`
 */
import * as crypto from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { openDiskShardStore } from '../../src/adapters/disk/disk-shard-store.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { shardId } from '../../src/core/open/merkle.ts'
import type { ShardStore } from '../../src/ports/shard-store.ts'

const SHARD_BYTES = 4 * 1024 * 1024
const SMALL_BYTES = 4 * 1024
const SYNC_BYTES = 64 * 1024 * 1024

export interface ShardStoreRow {
  readonly name: string
  readonly value: number
  readonly unit: 'MB/s' | 'shards/s' | 'ms'
}

interface Shard {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

function makeShards(count: number, length: number): Shard[] {
  return Array.from({ length: count }, () => {
    const bytes = new Uint8Array(crypto.randomBytes(length))
    return { id: shardId(nodePrimitives.blake3, bytes), bytes }
  })
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

/** Runs `use` on every item, `width` at a time. */
async function spread<T>(
  items: readonly T[],
  width: number,
  use: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values()
  const worker = async (): Promise<void> => {
    for (const item of left) await use(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

async function plainAppends(folder: string, bytes: number): Promise<number> {
  const block = crypto.randomBytes(SHARD_BYTES)
  const handle = await fs.open(path.join(folder, 'plain'), 'wx')
  const time = await seconds(async () => {
    for (let at = 0; at < bytes; at += block.length) {
      await handle.write(block, 0, block.length, at)
      if ((at + block.length) % SYNC_BYTES === 0) await handle.datasync()
    }
    await handle.datasync()
  })
  await handle.close()
  await fs.rm(path.join(folder, 'plain'))
  return bytes / 1e6 / time
}

/** Measures in a folder of its own below `parent`, with `megabytes` of large shards. */
export async function benchShardStore(
  parent: string = os.tmpdir(),
  megabytes = 1024,
): Promise<ShardStoreRow[]> {
  const folder = await fs.mkdtemp(path.join(parent, 'allmend-bench-'))
  const open = (): Promise<ShardStore> =>
    openDiskShardStore({ folder: path.join(folder, 'store'), capacity: 1e12, primitives: nodePrimitives })
  try {
    const count = Math.ceil((megabytes * 1024 * 1024) / SHARD_BYTES)
    const total = (count * SHARD_BYTES) / 1e6
    const rows: ShardStoreRow[] = []
    // Twice, around what it is compared with: disks of shared machines vary by the second.
    const plainBefore = await plainAppends(folder, count * SHARD_BYTES)
    const large = makeShards(count, SHARD_BYTES)
    let store = await open()
    const put = await seconds(() => spread(large, 16, ({ id, bytes }) => store.put(id, bytes)))
    rows.push({ name: 'put 4 MiB, 16 at once', value: total / put, unit: 'MB/s' })
    const plainAfter = await plainAppends(folder, count * SHARD_BYTES)
    rows.push({ name: 'plain appends', value: Math.max(plainBefore, plainAfter), unit: 'MB/s' })
    const get = await seconds(() => spread(large, 8, ({ id }) => store.read(id)))
    rows.push({ name: 'read 4 MiB (cached), verified', value: total / get, unit: 'MB/s' })
    const small = makeShards(20_000, SMALL_BYTES)
    for (const width of [1, 64]) {
      const part = width === 1 ? small.slice(0, 500) : small.slice(500)
      const time = await seconds(() => spread(part, width, ({ id, bytes }) => store.put(id, bytes)))
      rows.push({ name: `put 4 KiB, ${width} at once`, value: part.length / time, unit: 'shards/s' })
    }
    const ranges = await seconds(() =>
      spread(small, 8, async (_, i = crypto.randomInt(count)) =>
        store.read(large[i]!.id, [
          { offset: crypto.randomInt(SHARD_BYTES - SMALL_BYTES), length: SMALL_BYTES },
        ]),
      ),
    )
    rows.push({ name: 'read 4 KiB of 4 MiB (cached)', value: small.length / ranges, unit: 'shards/s' })
    const scrub = await seconds(async () => {
      await store.scrub(undefined, Infinity)
    })
    rows.push({ name: 'scrub', value: (total + (small.length * SMALL_BYTES) / 1e6) / scrub, unit: 'MB/s' })
    await store.delete(large.filter((_, i) => i % 4 !== 0).map(({ id }) => id))
    let reclaimed = 0
    const compact = await seconds(async () => {
      reclaimed = (await store.compact()).reclaimedBytes
    })
    rows.push({ name: 'compact, bytes given back', value: reclaimed / 1e6 / compact, unit: 'MB/s' })
    await store.close()
    const reopen = await seconds(async () => {
      store = await open()
    })
    rows.push({ name: 'open', value: reopen * 1000, unit: 'ms' })
    await store.close()
    return rows
  } finally {
    await fs.rm(folder, { recursive: true })
  }
}

if (import.meta.main) {
  for (const { name, value, unit } of await benchShardStore(process.argv[2])) {
    console.log(`${name.padEnd(32)} ${value.toFixed(0).padStart(8)} ${unit}`)
  }
}
