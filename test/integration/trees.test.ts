/** Folders that are moved, renamed and removed, and what is written below them afterwards: always read with another client. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { cat } from '../../src/client/operations/cat.ts'
import { get } from '../../src/client/operations/get.ts'
import { list } from '../../src/client/operations/list.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { move } from '../../src/client/operations/move.ts'
import { put } from '../../src/client/operations/put.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { stat } from '../../src/client/operations/stat.ts'
import { check } from '../../src/client/operations/check.ts'
import { status } from '../../src/client/operations/status.ts'
import { ConflictError, NotFoundError, UsageError } from '../../src/core/open/errors.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let client: Client
let scratch: string
let home: string
let attempts = 0
beforeAll(async () => {
  pool = await startTestPool({ providers: 3 })
  client = await pool.client()
})
afterAll(() => pool.close())
beforeEach(async () => {
  scratch = await pool.scratch(String(attempts))
  home = `/home/${attempts++}`
  await next()
  await makeFolder(client, { path: home })
})

async function next(): Promise<Client> {
  await client.close()
  client = await pool.client()
  return client
}
const local = (...names: string[]) => path.join(scratch, ...names)
async function content(at: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of cat(await next(), { path: at })) parts.push(part.slice())
  return Buffer.concat(parts).toString('utf8')
}
async function names(at: string): Promise<string[]> {
  const found: string[] = []
  for await (const entry of list(await next(), { path: at, recursive: true }))
    found.push(entry.path.slice(at.length + 1))
  return found
}
/** A tree of folders a/b/c with a file and a symlink in each. */
async function putTree(name: string): Promise<string> {
  const folder = local(name)
  fs.mkdirSync(path.join(folder, 'a', 'b', 'c'), { recursive: true })
  for (const at of ['', 'a', 'a/b', 'a/b/c']) {
    fs.writeFileSync(path.join(folder, at, 'file'), `in ${at}`)
    fs.symlinkSync('file', path.join(folder, at, 'link'))
  }
  const { problems } = await put(client, { sources: [folder], target: `${home}/` })
  expect(problems).toEqual([])
  return folder
}
async function expectTree(remote: string, folder: string): Promise<void> {
  const target = local(`out ${attempts++}`)
  const { failed } = await get(await next(), { sources: [remote], target })
  expect(failed).toEqual([])
  expect(treeOf(target)).toEqual(treeOf(folder))
}

test('a folder with content is moved, read, written below, moved again and read', async () => {
  const folder = await putTree('tree')
  await makeFolder(await next(), { path: `${home}/x/y`, parents: true })
  await move(client, { from: `${home}/tree`, to: `${home}/x/y` })
  await expectTree(`${home}/x/y/tree`, folder)

  // Everything changes, deep below the moved folder: new content, a new file, another mode, another symlink.
  for (const at of ['', 'a', 'a/b', 'a/b/c']) {
    fs.writeFileSync(path.join(folder, at, 'file'), `in ${at}, changed`)
    fs.rmSync(path.join(folder, at, 'link'))
    fs.symlinkSync('elsewhere', path.join(folder, at, 'link'))
    fs.writeFileSync(path.join(folder, at, 'new'), `new in ${at}`)
    fs.chmodSync(path.join(folder, at), 0o700)
  }
  const again = await put(await next(), { sources: [folder], target: `${home}/x/y/` })
  expect(again.problems).toEqual([])
  await expectTree(`${home}/x/y/tree`, folder)

  await move(await next(), { from: `${home}/x`, to: `${home}/z` })
  await move(client, { from: `${home}/z/y/tree/a/b`, to: `${home}/b moved` })
  await expectTree(`${home}/b moved`, path.join(folder, 'a', 'b'))
  fs.writeFileSync(path.join(folder, 'a', 'b', 'c', 'file'), 'once more')
  await put(await next(), {
    sources: [path.join(folder, 'a', 'b', 'c', 'file')],
    target: `${home}/b moved/c/file`,
  })
  expect(await content(`${home}/b moved/c/file`)).toBe('once more')
  await expectTree(`${home}/b moved`, path.join(folder, 'a', 'b'))
  const { files } = await check(await next(), { readData: true })
  expect(files).toEqual([])
})

test('many moves to and fro keep old and new content readable', async () => {
  const random = seededRandom()
  await putTree('tree')
  const at = { folder: `${home}/tree`, spot: 0 }
  for (const spot of [0, 1, 2]) await makeFolder(client, { path: `${home}/spot ${spot}` })
  const expected: Record<string, string> = {}
  for (let i = 0; i < 25; i++) {
    const spot = random.below(3)
    const to = `${home}/spot ${spot}/tree`
    if (to !== at.folder) await move(await next(), { from: at.folder, to })
    at.folder = to
    if (random.below(2) === 0) continue
    const name = `written ${random.below(5)}`
    fs.writeFileSync(local(name), `round ${i}`)
    const below = ['', '/a', '/a/b'][random.below(3)]!
    await put(client, { sources: [local(name)], target: `${at.folder}${below}/` })
    expected[`${below}/${name}`] = `round ${i}`
  }
  for (const [name, text] of Object.entries(expected)) expect(await content(at.folder + name)).toBe(text)
  expect(await content(`${at.folder}/a/b/c/file`)).toBe('in a/b/c')
})

test('moves that can’t be are refused and change nothing', async () => {
  const folder = await putTree('tree')
  const moved = (from: string, to: string) => move(client, { from: `${home}/${from}`, to })
  await expect(moved('tree', `${home}/tree/a`)).rejects.toBeInstanceOf(ConflictError)
  await expect(moved('tree/file', `${home}/tree/link`)).rejects.toBeInstanceOf(ConflictError)
  await expect(moved('tree/nothing', `${home}/x`)).rejects.toBeInstanceOf(NotFoundError)
  await expect(moved('tree', `${home}/nowhere/x`)).rejects.toBeInstanceOf(NotFoundError)
  await expect(moved('tree', '/')).rejects.toBeInstanceOf(UsageError)
  await expect(move(client, { from: '/home', to: `${home}/x` })).rejects.toBeInstanceOf(UsageError)
  await expect(moved('tree/file', `${home}/tree/..`)).rejects.toBeInstanceOf(UsageError)
  await expectTree(`${home}/tree`, folder)
})

test('removing takes the name away at once; a folder with content only if told so', async () => {
  await putTree('tree')
  await expect(remove(client, { path: `${home}/tree` })).rejects.toBeInstanceOf(UsageError)
  await remove(client, { path: `${home}/tree/a/file` })
  await expect(stat(await next(), { path: `${home}/tree/a/file` })).rejects.toBeInstanceOf(NotFoundError)
  expect(await content(`${home}/tree/a/b/file`)).toBe('in a/b')
  await move(client, { from: `${home}/tree/a`, to: `${home}/a` })
  await remove(client, { path: `${home}/a/b/link` })
  await remove(client, { path: `${home}/a`, recursive: true })
  expect(await names(home)).toEqual(['tree', 'tree/file', 'tree/link'])
  // The name is free again, and the bytes are still there to be referred to.
  const { sentBytes } = await put(client, { sources: [local('tree', 'a')], target: `${home}/` })
  expect(sentBytes).toBe(0)
  await expectTree(`${home}/a`, local('tree', 'a'))
})

test('versions count what changed and nothing else', async () => {
  fs.writeFileSync(local('file'), 'one')
  const version = async () => {
    await put(await next(), { sources: [local('file')], target: `${home}/` })
    return (await stat(client, { path: `${home}/file` })).version
  }
  expect(await version()).toBe(1)
  expect(await version()).toBe(1)
  fs.writeFileSync(local('file'), 'two')
  expect(await version()).toBe(2)
  fs.chmodSync(local('file'), 0o600)
  expect(await version()).toBe(3)
  const { atime } = fs.statSync(local('file'))
  fs.utimesSync(local('file'), atime, 5_000)
  expect(await version()).toBe(4)
  expect(await version()).toBe(4)
  expect(await content(`${home}/file`)).toBe('two')
})

test('a long file whose lists are lost can be put again', async () => {
  const random = randomFrom(21)
  fs.writeFileSync(local('long'), random.bytes(50_000_000))
  await put(client, { sources: [local('long')], target: `${home}/` })
  await pool.stop(0, 1, 2)
  for (const place of [0, 1, 2])
    for (const name of fs.readdirSync(pool.shardsOf(place), { recursive: true, encoding: 'utf8' })) {
      const file = path.join(pool.shardsOf(place), name)
      if (fs.statSync(file).size > 1_000_000) fs.rmSync(file)
    }
  await pool.start([0, 1, 2])
  const lost = await get(await next(), { sources: [`${home}/long`], target: local('lost') })
  expect(lost.failed).toHaveLength(1)
  // What is missing is known by now, so all of it is sent again.
  await check(await next())
  await put(await next(), { sources: [local('long')], target: `${home}/` })
  const { failed } = await get(await next(), { sources: [`${home}/long`], target: local('back') })
  expect(failed).toEqual([])
  expect(fs.readFileSync(local('back')).equals(fs.readFileSync(local('long')))).toBe(true)
  expect((await status(client)).damaged.length).toBeGreaterThan(0)
})
