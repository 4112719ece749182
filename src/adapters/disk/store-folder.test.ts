import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CapacityError, DamagedShardError, FolderError, NotFoundError } from '../../core/open/errors.ts'
import { shardId } from '../../core/open/merkle.ts'
import { testBytes } from '../../ports/shard-store.conformance.ts'
import type { ShardStore } from '../../ports/shard-store.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { openDiskShardStore } from './disk-shard-store.ts'
import { formatLine } from './folder-format.ts'
import { lockFolder } from './folder-lock.ts'
import { DELETE, LOST, encodeRecordHeader, recordBytes } from './segment-format.ts'
import { encodeWatermark } from './watermark.ts'

let root: string
let folder: string
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'allmend-folder-'))
  folder = path.join(root, 'store')
})
afterEach(() => fs.rm(root, { recursive: true }))

const open = (capacity = 1e9, segmentBytes = 1e6): Promise<ShardStore> =>
  openDiskShardStore({ folder, capacity, segmentBytes, primitives: nodePrimitives })
const bytesOf = (seed: number): Uint8Array => testBytes(seed, 10_000)
const idOf = (seed: number): Uint8Array => shardId(nodePrimitives.blake3, bytesOf(seed))
const put = (store: ShardStore, seed: number): Promise<void> => store.put(idOf(seed), bytesOf(seed))
const RECORD = recordBytes(1, 10_000)

async function onlySegment(): Promise<string> {
  const names = await fs.readdir(path.join(folder, 'segments'))
  expect(names).toHaveLength(1)
  return path.join(folder, 'segments', names[0]!)
}

async function fill(shards: number): Promise<void> {
  const store = await open()
  for (let i = 0; i < shards; i++) await put(store, i)
  await store.close()
}

describe('the folder', () => {
  test('holds everything again after reopening, many times', async () => {
    for (let round = 0; round < 5; round++) {
      const store = await open(1e9, 40_000)
      expect(store.usage()).toMatchObject({ shards: round * 7, damagedFiles: 0 })
      for (let i = 0; i < round * 7; i++) {
        expect(Buffer.compare(await store.read(idOf(i)), bytesOf(i))).toBe(0)
      }
      for (let i = round * 7; i < (round + 1) * 7; i++) await put(store, i)
      await store.close()
    }
  })

  test('belongs to one opener at a time', async () => {
    const store = await open()
    await expect(open()).rejects.toThrow(FolderError)
    await expect(open()).rejects.toMatchObject({ facts: { folder } })
    await store.close()
    await (await open()).close()
    const lock = lockFolder(folder)
    expect(() => lockFolder(folder)).toThrow(FolderError)
    lock.release()
    lockFolder(folder).release()
    expect(await fs.readdir(folder)).not.toContain('lock-journal')
  })

  test('of an unknown version or another kind is refused and left alone', async () => {
    await fill(1)
    for (const line of [formatLine('shard-store', 2), formatLine('tracker', 1)]) {
      await fs.writeFile(path.join(folder, 'format'), line)
      await expect(open()).rejects.toThrow(FolderError)
      expect(await fs.readFile(path.join(folder, 'format'), 'latin1')).toBe(line)
    }
  })

  test('that is somebody else’s is refused and left alone', async () => {
    await fs.mkdir(folder)
    await fs.writeFile(path.join(folder, 'holiday.jpg'), 'x')
    await expect(open()).rejects.toThrow(FolderError)
    expect(await fs.readdir(folder)).toEqual(['holiday.jpg'])
  })
})

describe('the end of the open segment', () => {
  test('that is torn above the watermark is cut off without a report', async () => {
    await fill(3)
    const file = await onlySegment()
    const whole = await fs.readFile(file)
    const next = whole.subarray(64, 64 + RECORD)
    for (const torn of [next.subarray(0, 20), next.subarray(0, 5_000), Buffer.alloc(3_000, 7)]) {
      await fs.writeFile(file, Buffer.concat([whole, torn]))
      const store = await open()
      expect(store.usage()).toMatchObject({ shards: 3, damagedFiles: 0, used: whole.length + 128 + 3 * 44 })
      expect(await store.scrub(undefined, Infinity)).toEqual({ checkedBytes: 30_000, damaged: [] })
      await store.close()
      expect((await fs.stat(file)).size).toBe(whole.length)
    }
  })

  test('that is broken below the watermark is damage', async () => {
    await fill(3)
    const file = await onlySegment()
    await fs.truncate(file, 64 + 2 * RECORD + 5_000)
    const store = await open()
    await expect(store.read(idOf(2))).rejects.toThrow(DamagedShardError)
    expect((await store.scrub(undefined, Infinity)).damaged.map((id) => Buffer.from(id))).toEqual([
      Buffer.from(idOf(2)),
    ])
    expect(store.usage().damagedFiles).toBe(1)
    expect(Buffer.compare(await store.read(idOf(1)), bytesOf(1))).toBe(0)
    await put(store, 2)
    await store.close()
    const again = await open()
    expect(Buffer.compare(await again.read(idOf(2)), bytesOf(2))).toBe(0)
    await again.close()
  })

  test('that is cut between records below the watermark is damage, too', async () => {
    await fill(3)
    await fs.truncate(await onlySegment(), 64 + 2 * RECORD)
    const store = await open()
    await expect(store.read(idOf(2))).rejects.toThrow(NotFoundError)
    expect(store.usage()).toMatchObject({ shards: 2, damagedFiles: 1 })
    await store.close()
  })

  test('whose payload never reached the disk is no shard', async () => {
    await fill(3)
    const file = await onlySegment()
    const handle = await fs.open(file, 'r+')
    await handle.write(Buffer.alloc(8_000), 0, 8_000, 64 + 2 * RECORD + 1_000)
    await handle.close()
    await fs.writeFile(
      path.join(folder, 'watermark'),
      encodeWatermark({ segment: 1, bytes: 64 + 2 * RECORD }),
    )
    const store = await open()
    expect(store.stat(idOf(2))).toBeUndefined()
    expect(store.usage().damagedFiles).toBe(0)
    await put(store, 2)
    expect(Buffer.compare(await store.read(idOf(2)), bytesOf(2))).toBe(0)
    await store.close()
  })
})

describe('a shard of made-up records', () => {
  test('isn’t taken for records of the store, even where the file is searched for them', async () => {
    await fill(2)
    const file = await onlySegment()
    const junk = Buffer.alloc(16, 1)
    const header = { closing: false, length: 0, bodyCrc: 0 }
    const planted = Buffer.concat([
      encodeRecordHeader(junk, { ...header, type: DELETE, id: idOf(0) }),
      encodeRecordHeader(junk, { ...header, type: LOST, id: idOf(1) }),
    ])
    const id = shardId(nodePrimitives.blake3, planted)
    let store = await open()
    await store.put(id, planted)
    await put(store, 2)
    await store.close()
    const content = await fs.readFile(file)
    const at = content.indexOf(planted)
    // Both headers of the shard's record: only its payload is left to be searched.
    content.fill(0, at - 96, at)
    content.fill(0, at + planted.length, at + planted.length + 64)
    await fs.writeFile(file, content)
    store = await open()
    for (const i of [0, 1, 2]) expect(Buffer.compare(await store.read(idOf(i)), bytesOf(i))).toBe(0)
    expect(store.stat(id)).toBeUndefined()
    expect(store.usage()).toMatchObject({ shards: 3, damagedFiles: 1 })
    await store.close()
  })
})

describe('a tiny capacity', () => {
  test('is never exceeded, and delete and compact make room again', async () => {
    const capacity = 55_000
    const store = await open(capacity, 25_000)
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => put(store, i)))
    const stored = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(CapacityError)
    }
    expect(stored.length).toBeGreaterThanOrEqual(4)
    expect(store.usage().used).toBeLessThanOrEqual(capacity)
    await expect(put(store, 99)).rejects.toMatchObject({ facts: { capacity, needed: RECORD + 44 } })
    await store.delete(stored.map(idOf))
    expect(store.usage()).toMatchObject({ shards: 0, live: 0 })
    expect((await store.compact()).reclaimedBytes).toBeGreaterThan(40_000)
    for (const i of stored) await put(store, i)
    for (const i of stored) expect(Buffer.compare(await store.read(idOf(i)), bytesOf(i))).toBe(0)
    await store.close()
  })

  test('that is smaller than a record refuses everything', async () => {
    const store = await open(5_000)
    await expect(put(store, 1)).rejects.toThrow(CapacityError)
    expect(store.usage()).toMatchObject({ used: 0, shards: 0 })
    await store.close()
  })
})

describe('compaction', () => {
  test('leaves less garbage than shards, and nothing to do', async () => {
    let store = await open(1e9, 100_000)
    for (let i = 0; i < 60; i++) await put(store, i)
    await store.delete(Array.from({ length: 50 }, (_, i) => idOf(i + 5)))
    await store.compact()
    await store.compact()
    const { used, live } = store.usage()
    expect(used).toBeLessThan(live * 2)
    const files = (await fs.readdir(path.join(folder, 'segments'))).sort()
    expect((await store.compact()).reclaimedBytes).toBe(0)
    expect((await fs.readdir(path.join(folder, 'segments'))).sort()).toEqual(files)
    await store.close()
    store = await open(1e9, 100_000)
    expect(store.usage()).toMatchObject({ shards: 10, live, damagedFiles: 0 })
    for (const i of [0, 1, 2, 3, 4, 55, 56, 57, 58, 59]) {
      expect(Buffer.compare(await store.read(idOf(i)), bytesOf(i))).toBe(0)
    }
    await store.close()
  })

  test('keeps a delete record as long as what it deletes', async () => {
    let store = await open(1e9, 100_000)
    for (let i = 0; i < 15; i++) await put(store, i)
    await store.delete([0, 9, 10, 11, 12, 13, 14].map(idOf))
    expect((await store.compact()).reclaimedBytes).toBeGreaterThan(50_000)
    await store.close()
    store = await open(1e9, 100_000)
    expect(store.stat(idOf(0))).toBeUndefined()
    expect(store.usage().shards).toBe(8)
    await store.close()
  })

  test('doesn’t disturb reads, puts and deletes', async () => {
    const store = await open(1e9, 60_000)
    const present = new Set<number>()
    for (let i = 0; i < 40; i++) {
      await put(store, i)
      present.add(i)
    }
    const state = { compacting: true }
    const compaction = (async () => {
      for (let i = 0; i < 30; i++) await store.compact()
      state.compacting = false
    })()
    for (let i = 0; state.compacting; i++) {
      const seed = i % 40
      if (present.delete(seed)) await store.delete([idOf(seed)])
      else {
        await put(store, seed)
        present.add(seed)
      }
      for (const other of [...present].slice(0, 5)) {
        expect(Buffer.compare(await store.read(idOf(other)), bytesOf(other))).toBe(0)
      }
    }
    await compaction
    for (let seed = 0; seed < 40; seed++) expect(store.stat(idOf(seed)) !== undefined).toBe(present.has(seed))
    await store.close()
  })
})
