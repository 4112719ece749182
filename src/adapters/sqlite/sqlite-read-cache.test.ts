import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FolderError, UntrustedError } from '../../core/open/errors.ts'
import { readCacheConformance } from '../../ports/read-cache.conformance.ts'
import { SqliteReadCache } from './sqlite-read-cache.ts'

const makeFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-cache-'))
const name = (value: number) => new Uint8Array(32).fill(value)

readCacheConformance('a cache in SQLite', () => {
  const folder = makeFolder()
  return {
    open: (maxBytes) => new SqliteReadCache(path.join(folder, 'cache.db'), maxBytes),
    cleanUp: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
})

let folder: string
let file: string
beforeEach(() => {
  folder = makeFolder()
  file = path.join(folder, 'cache.db')
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

test('a damaged file is an error for who reads, and begun anew by who writes', async () => {
  const cache = new SqliteReadCache(file)
  await cache.put([{ names: [name(1)], value: new Uint8Array(10_000) }])
  await cache.close()
  for (const spoil of [
    () =>
      fs.writeFileSync(
        file,
        'no database at all, but long enough to be looked at as if it were one'.repeat(90),
      ),
    () => fs.writeFileSync(file, fs.readFileSync(file).fill(0xff, 0, 100)),
  ]) {
    spoil()
    const reader = new SqliteReadCache(file)
    await expect(reader.get(name(1))).rejects.toThrow(UntrustedError)
    await reader.close()
    const writer = new SqliteReadCache(file)
    await writer.put([{ names: [name(2)], value: Uint8Array.of(1) }])
    expect([...(await writer.get(name(2)))!]).toEqual([1])
    expect(await writer.get(name(1))).toBeUndefined()
    await writer.close()
  }
})

test('nothing is made before something is kept', async () => {
  const cache = new SqliteReadCache(file)
  await cache.close()
  expect(fs.existsSync(file)).toBe(false)
})

test('a place where no file can be made is told as such', async () => {
  const cache = new SqliteReadCache(path.join(folder, 'no such folder', 'cache.db'))
  const put = cache.put([{ names: [name(1)], value: new Uint8Array(1) }])
  await expect(put).rejects.toThrow(FolderError)
  await expect(cache.get(name(1))).rejects.toThrow(FolderError)
  await cache.close()
})
