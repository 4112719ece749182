/** Folders that are moved, renamed and removed, and what is written below them afterwards: always read with another client. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { expect, test } from 'vitest'
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
import { ownFolders } from '../fixtures/own-folders.ts'

const own = ownFolders()
const { local, next } = own
let outs = 0

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
  const { problems } = await put(own.client, { sources: [folder], target: `${own.home}/` })
  expect(problems).toEqual([])
  return folder
}
async function expectTree(remote: string, folder: string): Promise<void> {
  const target = local(`out ${outs++}`)
  const { failed } = await get(await next(), { sources: [remote], target })
  expect(failed).toEqual([])
  expect(treeOf(target)).toEqual(treeOf(folder))
}

test('a folder with content is moved, read, written below, moved again and read', async () => {
  const folder = await putTree('tree')
  await makeFolder(await next(), { path: `${own.home}/x/y`, parents: true })
  await move(own.client, { from: `${own.home}/tree`, to: `${own.home}/x/y` })
  await expectTree(`${own.home}/x/y/tree`, folder)

  // Everything changes, deep below the moved folder: new content, a new file, another mode, another symlink.
  for (const at of ['', 'a', 'a/b', 'a/b/c']) {
    fs.writeFileSync(path.join(folder, at, 'file'), `in ${at}, changed`)
    fs.rmSync(path.join(folder, at, 'link'))
    fs.symlinkSync('elsewhere', path.join(folder, at, 'link'))
    fs.writeFileSync(path.join(folder, at, 'new'), `new in ${at}`)
    fs.chmodSync(path.join(folder, at), 0o700)
  }
  const again = await put(await next(), { sources: [folder], target: `${own.home}/x/y/` })
  expect(again.problems).toEqual([])
  await expectTree(`${own.home}/x/y/tree`, folder)

  await move(await next(), { from: `${own.home}/x`, to: `${own.home}/z` })
  await move(own.client, { from: `${own.home}/z/y/tree/a/b`, to: `${own.home}/b moved` })
  await expectTree(`${own.home}/b moved`, path.join(folder, 'a', 'b'))
  fs.writeFileSync(path.join(folder, 'a', 'b', 'c', 'file'), 'once more')
  await put(await next(), {
    sources: [path.join(folder, 'a', 'b', 'c', 'file')],
    target: `${own.home}/b moved/c/file`,
  })
  expect(await content(`${own.home}/b moved/c/file`)).toBe('once more')
  await expectTree(`${own.home}/b moved`, path.join(folder, 'a', 'b'))
  const { files } = await check(await next(), { readData: true })
  expect(files).toEqual([])
})

test('many moves to and fro keep old and new content readable', async () => {
  const random = seededRandom()
  await putTree('tree')
  const at = { folder: `${own.home}/tree`, spot: 0 }
  for (const spot of [0, 1, 2]) await makeFolder(own.client, { path: `${own.home}/spot ${spot}` })
  const expected: Record<string, string> = {}
  for (let i = 0; i < 25; i++) {
    const spot = random.below(3)
    const to = `${own.home}/spot ${spot}/tree`
    if (to !== at.folder) await move(await next(), { from: at.folder, to })
    at.folder = to
    if (random.below(2) === 0) continue
    const name = `written ${random.below(5)}`
    fs.writeFileSync(local(name), `round ${i}`)
    const below = ['', '/a', '/a/b'][random.below(3)]!
    await put(own.client, { sources: [local(name)], target: `${at.folder}${below}/` })
    expected[`${below}/${name}`] = `round ${i}`
  }
  for (const [name, text] of Object.entries(expected)) expect(await content(at.folder + name)).toBe(text)
  expect(await content(`${at.folder}/a/b/c/file`)).toBe('in a/b/c')
})

test('moves that can’t be are refused and change nothing', async () => {
  const folder = await putTree('tree')
  const moved = (from: string, to: string) => move(own.client, { from: `${own.home}/${from}`, to })
  await expect(moved('tree', `${own.home}/tree/a`)).rejects.toBeInstanceOf(ConflictError)
  await expect(moved('tree/file', `${own.home}/tree/link`)).rejects.toBeInstanceOf(ConflictError)
  await expect(moved('tree/nothing', `${own.home}/x`)).rejects.toBeInstanceOf(NotFoundError)
  await expect(moved('tree', `${own.home}/nowhere/x`)).rejects.toBeInstanceOf(NotFoundError)
  await expect(moved('tree', '/')).rejects.toBeInstanceOf(UsageError)
  await expect(move(own.client, { from: '/home', to: `${own.home}/x` })).rejects.toBeInstanceOf(UsageError)
  await expect(moved('tree/file', `${own.home}/tree/..`)).rejects.toBeInstanceOf(UsageError)
  await expectTree(`${own.home}/tree`, folder)
})

test('removing takes the name away at once; a folder with content only if told so', async () => {
  await putTree('tree')
  await expect(remove(own.client, { path: `${own.home}/tree` })).rejects.toBeInstanceOf(UsageError)
  await remove(own.client, { path: `${own.home}/tree/a/file` })
  await expect(stat(await next(), { path: `${own.home}/tree/a/file` })).rejects.toBeInstanceOf(NotFoundError)
  expect(await content(`${own.home}/tree/a/b/file`)).toBe('in a/b')
  await move(own.client, { from: `${own.home}/tree/a`, to: `${own.home}/a` })
  await remove(own.client, { path: `${own.home}/a/b/link` })
  await remove(own.client, { path: `${own.home}/a`, recursive: true })
  expect(await names(own.home)).toEqual(['tree', 'tree/file', 'tree/link'])
  // The name is free again, and the bytes are still there to be referred to.
  const { sentBytes } = await put(own.client, { sources: [local('tree', 'a')], target: `${own.home}/` })
  expect(sentBytes).toBe(0)
  await expectTree(`${own.home}/a`, local('tree', 'a'))
})

test('versions count what changed and nothing else', async () => {
  fs.writeFileSync(local('file'), 'one')
  const version = async () => {
    await put(await next(), { sources: [local('file')], target: `${own.home}/` })
    return (await stat(own.client, { path: `${own.home}/file` })).version
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
  expect(await content(`${own.home}/file`)).toBe('two')
})

test('a long file whose lists are lost can be put again', async () => {
  const random = randomFrom(21)
  fs.writeFileSync(local('long'), random.bytes(50_000_000))
  await put(own.client, { sources: [local('long')], target: `${own.home}/` })
  await own.pool.stop(0, 1, 2)
  for (const place of [0, 1, 2])
    for (const name of fs.readdirSync(own.pool.shardsOf(place), { recursive: true, encoding: 'utf8' })) {
      const file = path.join(own.pool.shardsOf(place), name)
      if (fs.statSync(file).size > 1_000_000) fs.rmSync(file)
    }
  await own.pool.start([0, 1, 2])
  const lost = await get(await next(), { sources: [`${own.home}/long`], target: local('lost') })
  expect(lost.failed).toHaveLength(1)
  // What is missing is known by now, so all of it is sent again.
  await check(await next())
  await put(await next(), { sources: [local('long')], target: `${own.home}/` })
  const { failed } = await get(await next(), { sources: [`${own.home}/long`], target: local('back') })
  expect(failed).toEqual([])
  expect(fs.readFileSync(local('back')).equals(fs.readFileSync(local('long')))).toBe(true)
  expect((await status(own.client)).damaged.length).toBeGreaterThan(0)
})
