import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { shardOf } from '../../../test/fixtures/provider-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { openCopyPlace } from './open-copy-place.ts'

let parent: string
let folder: string
beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-copies-'))
  folder = path.join(parent, 'copies')
})
afterEach(() => fs.rmSync(parent, { recursive: true }))

const bytesIn = (at: string): number =>
  fs
    .readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0)

test('there is no folder without copies; what a killed process left is gone, whatever it is', async () => {
  const place = await openCopyPlace(folder, nodePrimitives)
  expect(fs.existsSync(folder)).toBe(false)
  // Never closed: its lock and its files stay, as after a kill.
  const store = await place.open()
  const shard = shardOf(randomBytes(100_000))
  await store.put(shard.id, shard.bytes)
  fs.mkdirSync(path.join(folder, 'segments', 'odd'))
  fs.writeFileSync(path.join(folder, 'format'), 'garbage')
  const later = await openCopyPlace(folder, nodePrimitives)
  expect(fs.existsSync(folder)).toBe(false)
  const anew = await later.open()
  expect(anew.usage().shards).toBe(0)
  await anew.close()
  await later.clear()
  expect(fs.existsSync(folder)).toBe(false)
  await store.close().catch(() => undefined)
})

test('what is dropped comes back to the disk', async () => {
  const place = await openCopyPlace(folder, nodePrimitives)
  const store = await place.open()
  const shards = Array.from({ length: 12 }, () => shardOf(randomBytes(2_000_000)))
  for (const { id, bytes } of shards) await store.put(id, bytes)
  const full = bytesIn(folder)
  expect(full).toBeGreaterThan(24_000_000)
  for (const { id } of shards.slice(0, 10)) {
    await store.delete([id])
    await store.compact()
  }
  expect(bytesIn(folder)).toBeLessThan(full / 2)
  for (const { id, bytes } of shards.slice(10)) expect(Buffer.compare(await store.read(id), bytes)).toBe(0)
  await store.close()
})
