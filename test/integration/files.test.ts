/** Every kind of file in and out: bytes, names, modes, times, symlinks; what can't be stored is told and the rest goes on. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cat } from '../../src/client/operations/cat.ts'
import { get } from '../../src/client/operations/get.ts'
import { list } from '../../src/client/operations/list.ts'
import { put } from '../../src/client/operations/put.ts'
import { stat } from '../../src/client/operations/stat.ts'
import { status } from '../../src/client/operations/status.ts'
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, NORMAL_CHUNK_BYTES } from '../../src/core/open/blobs/chunker.ts'
import { CancelledError, ConflictError, UsageError } from '../../src/core/open/errors.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import { ownFolders } from '../fixtures/own-folders.ts'

const own = ownFolders()
const { local, next } = own

/** Puts a local folder, gets it with another client, and expects the same tree. */
async function roundTrip(folder: string) {
  const name = path.basename(folder)
  const stored = await put(own.client, { sources: [folder], target: `${own.home}/` })
  const target = local(`got ${name}`)
  const got = await get(await next(), { sources: [`${own.home}/${name}`], target })
  expect(got.failed).toEqual([])
  return { stored, got, target }
}

describe('bytes', () => {
  test('of every length around the limits of chunks, and a file of more chunks than a manifest holds', async () => {
    const random = seededRandom()
    fs.mkdirSync(local('lengths'))
    const limits = [MIN_CHUNK_BYTES, NORMAL_CHUNK_BYTES, MAX_CHUNK_BYTES]
    const lengths = [0, 1, 2, ...limits.flatMap((limit) => [limit - 1, limit, limit + 1])]
    for (const length of lengths) {
      fs.writeFileSync(local('lengths', `random ${length}`), random.bytes(length))
      fs.writeFileSync(local('lengths', `zeros ${length}`), new Uint8Array(length))
    }
    fs.writeFileSync(local('lengths', '129 chunks'), random.bytes(60_000_000))
    fs.writeFileSync(local('lengths', '129 equal chunks'), new Uint8Array(129 * MAX_CHUNK_BYTES))
    const { stored, target } = await roundTrip(local('lengths'))
    expect(stored.problems).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(local('lengths')))

    const again = await put(await next(), { sources: [local('lengths')], target: `${own.home}/` })
    expect(again.unchanged).toBe(again.files)
    expect(again.sentBytes).toBe(0)
    const renamed = await put(await next(), { sources: [local('lengths')], target: `${own.home}/other name` })
    expect(renamed.sentBytes).toBeLessThan(stored.bytes / 100)
  })

  test('ranges of a file', async () => {
    const bytes = randomFrom(11).bytes(3_000_000)
    fs.writeFileSync(local('file'), bytes)
    await put(own.client, { sources: [local('file')], target: `${own.home}/` })
    const random = seededRandom()
    for (let i = 0; i < 20; i++) {
      const offset = random.below(bytes.length + 10)
      const length = random.below(200_000)
      const parts: Uint8Array[] = []
      for await (const part of cat(own.client, { path: `${own.home}/file`, offset, length }))
        parts.push(part.slice())
      expect(Buffer.concat(parts).equals(bytes.subarray(offset, offset + length))).toBe(true)
    }
  })

  test('ten inserts into a large file send few chunks again', async () => {
    const random = seededRandom()
    const bytes = random.bytes(64 * 1024 * 1024)
    fs.writeFileSync(local('large'), bytes)
    await put(own.client, { sources: [local('large')], target: `${own.home}/` })
    const parts: Uint8Array[] = []
    for (let i = 0; i < 10; i++) {
      const at = i * 6_000_000
      parts.push(bytes.subarray(at, at + 6_000_000), random.bytes(10 + random.below(50)))
    }
    parts.push(bytes.subarray(60_000_000))
    fs.writeFileSync(local('large'), Buffer.concat(parts))
    const { sentBytes, unchanged } = await put(await next(), {
      sources: [local('large')],
      target: `${own.home}/`,
    })
    expect(unchanged).toBe(0)
    // Two mean chunks an insert, three copies of each, and the lists.
    expect(sentBytes / 3).toBeLessThan(10 * 2 * 256 * 1024 * 1.5)
    await get(own.client, { sources: [`${own.home}/large`], target: local('got') })
    expect(fs.readFileSync(local('got')).equals(fs.readFileSync(local('large')))).toBe(true)
  })

  test('two thousand small files', async () => {
    const random = randomFrom(12)
    for (let folder = 0; folder < 20; folder++) {
      fs.mkdirSync(local('many', String(folder)), { recursive: true })
      for (let i = 0; i < 100; i++)
        fs.writeFileSync(local('many', String(folder), String(i)), random.bytes(random.below(3_000)))
    }
    const { stored, target } = await roundTrip(local('many'))
    expect(stored).toMatchObject({ files: 2_000, folders: 21, problems: [] })
    expect(treeOf(target)).toEqual(treeOf(local('many')))
    const { files } = await status(own.client)
    expect(files).toBeGreaterThanOrEqual(2_000)
  })
})

describe('names', () => {
  test('of 255 bytes, both normal forms side by side, leading dashes, backslashes, spaces, folders 100 deep', async () => {
    const folder = local('names')
    fs.mkdirSync(folder)
    const names = [
      'a'.repeat(255),
      'ü'.repeat(127),
      '\u00e9',
      'e\u0301',
      '-rf',
      '--help',
      'back\\slash',
      ' ',
      '...',
      'CON',
      'a:b*?"<>|',
      '\u202egpj.exe',
      '\u{1f600}',
      '*',
      '~',
      '$HOME',
    ]
    for (const name of names) fs.writeFileSync(path.join(folder, name), name)
    const deep = path.join(folder, ...Array.from({ length: 100 }, (_, i) => `level ${i}`))
    fs.mkdirSync(deep, { recursive: true })
    fs.writeFileSync(path.join(deep, 'bottom'), 'here')
    const { stored, target } = await roundTrip(folder)
    expect(stored.problems).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(folder))
    expect(new Set(fs.readdirSync(target))).toEqual(new Set([...names, 'level 0']))
    const listed: string[] = []
    for await (const { name, conflict } of list(own.client, { path: `${own.home}/names` })) {
      expect(conflict).toBe(false)
      listed.push(name)
    }
    expect(listed).toHaveLength(names.length + 1)
  })

  test('two sources of one name are refused before anything is stored', async () => {
    fs.mkdirSync(local('a'))
    fs.mkdirSync(local('b'))
    fs.writeFileSync(local('a', 'same'), 'first')
    fs.writeFileSync(local('b', 'same'), 'second')
    const both = put(own.client, {
      sources: [local('a', 'same'), local('b', 'same')],
      target: `${own.home}/`,
    })
    await expect(both).rejects.toBeInstanceOf(UsageError)
    expect((await get(own.client, { sources: [own.home], target: local('got') })).files).toBe(0)
  })
})

describe('modes, times and symlinks', () => {
  test('are kept, of folders too', async () => {
    const folder = local('modes')
    fs.mkdirSync(path.join(folder, 'inner'), { recursive: true })
    // What nobody may read can only root compare.
    for (const mode of [0o400, 0o600, 0o644, 0o755, 0o777, ...(process.getuid?.() === 0 ? [0] : [])]) {
      const file = path.join(folder, mode.toString(8))
      fs.writeFileSync(file, 'x')
      fs.chmodSync(file, mode)
    }
    const times: Record<string, [number, number]> = {
      '644': [0, 0],
      '755': [1_700_000_000, 123_456_789],
      '777': [-86_401, 500_000_000],
      inner: [1_500_000_000, 987_654_321],
    }
    fs.chmodSync(path.join(folder, 'inner'), 0o750)
    fs.symlinkSync('elsewhere', path.join(folder, 'link'))
    for (const [name, [seconds, nanoseconds]] of Object.entries(times)) {
      const digits = String(nanoseconds).padStart(9, '0')
      const time = seconds < 0 ? seconds + nanoseconds / 1e9 : `${seconds}.${digits}`
      execFileSync('touch', ['-d', `@${time}`, path.join(folder, name)])
    }
    const { target } = await roundTrip(folder)
    expect(treeOf(target)).toEqual(treeOf(folder))
    for (const [name, [seconds, nanoseconds]] of Object.entries(times)) {
      const entry = await stat(own.client, { path: `${own.home}/modes/${name}` })
      expect([entry.mtimeSeconds, entry.mtimeNanoseconds]).toEqual([seconds, nanoseconds])
      // Node sets times as doubles: a quarter of a microsecond.
      const { mtimeNs } = fs.lstatSync(path.join(target, name), { bigint: true })
      const wanted = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
      expect(Math.abs(Number(mtimeNs - wanted))).toBeLessThan(1_000)
    }
  })

  test('a folder’s new mode and time come with the next put', async () => {
    const folder = local('folder')
    fs.mkdirSync(path.join(folder, 'inner'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'inner', 'file'), 'x')
    await put(own.client, { sources: [folder], target: `${own.home}/` })
    fs.chmodSync(path.join(folder, 'inner'), 0o700)
    fs.utimesSync(path.join(folder, 'inner'), 1_000, 1_000)
    const again = await put(await next(), { sources: [folder], target: `${own.home}/` })
    expect(again.unchanged).toBe(1)
    const entry = await stat(own.client, { path: `${own.home}/folder/inner` })
    expect(entry).toMatchObject({ mode: 0o700, mtimeSeconds: 1_000 })
    const versions = entry.version
    await put(await next(), { sources: [folder], target: `${own.home}/` })
    expect((await stat(own.client, { path: `${own.home}/folder/inner` })).version).toBe(versions)
  })

  test('symlinks stay symlinks: dangling, absolute, in circles', async () => {
    const folder = local('links')
    fs.mkdirSync(folder)
    const links = {
      dangling: 'nowhere',
      absolute: '/etc/passwd',
      up: '../../..',
      self: 'self',
      loop: 'pool',
      pool: 'loop',
    }
    for (const [name, target] of Object.entries(links)) fs.symlinkSync(target, path.join(folder, name))
    fs.mkdirSync(path.join(folder, 'real'))
    fs.writeFileSync(path.join(folder, 'real', 'file'), 'x')
    fs.symlinkSync('real', path.join(folder, 'to folder'))
    const { stored, target } = await roundTrip(folder)
    expect(stored).toMatchObject({ files: 1, symlinks: 7, problems: [] })
    expect(treeOf(target)).toEqual(treeOf(folder))
    // Another target is another version.
    fs.rmSync(path.join(folder, 'dangling'))
    fs.symlinkSync('somewhere', path.join(folder, 'dangling'))
    await put(await next(), { sources: [folder], target: `${own.home}/` })
    expect((await stat(own.client, { path: `${own.home}/links/dangling` })).target).toBe('somewhere')
  })

  test('get never writes through a symlink that waits in the target folder', async () => {
    const folder = local('tree')
    fs.mkdirSync(path.join(folder, 'sub'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'sub', 'file'), 'from the pool')
    fs.writeFileSync(path.join(folder, 'file'), 'from the pool')
    await put(own.client, { sources: [folder], target: `${own.home}/` })
    fs.mkdirSync(local('victim'))
    fs.writeFileSync(local('victim', 'secret'), 'mine')
    fs.mkdirSync(local('out', 'tree'), { recursive: true })
    fs.symlinkSync(local('victim'), local('out', 'tree', 'sub'))
    fs.symlinkSync(local('victim', 'secret'), local('out', 'tree', 'file'))
    const { failed } = await get(own.client, { sources: [`${own.home}/tree`], target: local('out') })
    expect(failed.map(({ path }) => path)).toEqual([`${own.home}/tree/sub`])
    expect(failed[0]!.error).toBeInstanceOf(ConflictError)
    expect(fs.readdirSync(local('victim'))).toEqual(['secret'])
    expect(fs.readFileSync(local('victim', 'secret'), 'utf8')).toBe('mine')
    expect(fs.lstatSync(local('out', 'tree', 'file')).isFile()).toBe(true)
  })
})

describe('what is in the way', () => {
  test('get over files and folders that are there', async () => {
    const folder = local('tree')
    fs.mkdirSync(path.join(folder, 'folder'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'folder', 'a'), 'new')
    fs.writeFileSync(path.join(folder, 'file'), 'new')
    fs.writeFileSync(path.join(folder, 'replaced'), 'new')
    fs.symlinkSync('x', path.join(folder, 'link'))
    await put(own.client, { sources: [folder], target: `${own.home}/` })
    const out = local('out', 'tree')
    fs.mkdirSync(path.join(out, 'file'), { recursive: true })
    fs.mkdirSync(path.join(out, 'folder'))
    fs.mkdirSync(path.join(out, 'link'))
    fs.writeFileSync(path.join(out, 'folder', 'kept'), 'mine')
    fs.writeFileSync(path.join(out, 'replaced'), 'old and longer')
    const { failed } = await get(own.client, { sources: [`${own.home}/tree`], target: local('out') })
    expect(failed.map(({ path }) => path).sort()).toEqual([`${own.home}/tree/file`, `${own.home}/tree/link`])
    for (const { error } of failed) expect(error).toBeInstanceOf(ConflictError)
    expect(fs.readFileSync(path.join(out, 'replaced'), 'utf8')).toBe('new')
    expect(fs.readdirSync(path.join(out, 'folder')).sort()).toEqual(['a', 'kept'])
    expect(fs.readdirSync(out).sort()).toEqual(['file', 'folder', 'link', 'replaced'])
  })

  test('put of a file over a folder, and of a folder over a file, is told; the others go on', async () => {
    const folder = local('tree')
    fs.mkdirSync(path.join(folder, 'a'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'a', 'inner'), 'x')
    fs.writeFileSync(path.join(folder, 'b'), 'x')
    await put(own.client, { sources: [folder], target: `${own.home}/` })
    fs.rmSync(folder, { recursive: true })
    fs.mkdirSync(path.join(folder, 'b'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'a'), 'a file now')
    fs.writeFileSync(path.join(folder, 'b', 'inner'), 'x')
    fs.writeFileSync(path.join(folder, 'c'), 'new')
    const { problems, files } = await put(await next(), { sources: [folder], target: `${own.home}/` })
    expect(problems.map(({ path: at }) => path.basename(at)).sort()).toEqual(['a', 'b'])
    for (const { error } of problems) expect(error).toBeInstanceOf(ConflictError)
    expect(files).toBe(1)
    expect((await stat(own.client, { path: `${own.home}/tree/a` })).kind).toBe('folder')
    expect((await stat(own.client, { path: `${own.home}/tree/c` })).size).toBe(3)
  })

  test('a get that is given up leaves nothing half-written', async () => {
    fs.mkdirSync(local('tree'))
    for (let i = 0; i < 6; i++) fs.writeFileSync(local('tree', String(i)), randomFrom(i).bytes(9_000_000))
    await put(own.client, { sources: [local('tree')], target: `${own.home}/` })
    const random = seededRandom()
    for (let round = 0; round < 5; round++) {
      const stop = new AbortController()
      const after = random.below(50_000_000)
      const target = local(`out ${round}`)
      const given = get(own.client, {
        sources: [`${own.home}/tree`],
        target,
        signal: stop.signal,
        onProgress({ bytes }) {
          if (bytes > after) stop.abort()
        },
      })
      // Near its end it may be done before it notices.
      await given.catch((error: unknown) => expect(error).toBeInstanceOf(CancelledError))
      for (const name of fs.readdirSync(target))
        expect(fs.readFileSync(path.join(target, name)).equals(fs.readFileSync(local('tree', name)))).toBe(
          true,
        )
    }
  })
})
