/** Files that change while they are read, or can't be read at all: it is told, and the rest goes on. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { describe, expect, test } from 'vitest'
import { get } from '../../src/client/operations/get.ts'
import { put } from '../../src/client/operations/put.ts'
import { DeniedError, UsageError } from '../../src/core/open/errors.ts'
import { nodeLocalFiles } from '../../src/adapters/files/node-local-files.ts'
import type { LocalFiles } from '../../src/ports/local-files.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { ownFolders } from '../fixtures/own-folders.ts'

const own = ownFolders()
const { local, next } = own

/** Runs as another user where we are root, who may read everything; the pool in this process is that user's meanwhile. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work()
  const NOBODY = 65_534
  execFileSync('chown', ['-R', String(NOBODY), own.pool.folder])
  process.seteuid!(NOBODY)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
  }
}

describe('what changes or can’t be read', () => {
  /** The real files, with a hand that meddles at the first read of `name`. */
  const meddling = (name: string, meddle: () => void): LocalFiles => ({
    ...nodeLocalFiles,
    walk: (named) => nodeLocalFiles.walk(named),
    async open(entry) {
      const file = await nodeLocalFiles.open(entry)
      if (path.basename(entry.path) !== name) return file
      let done = false
      return {
        stat: () => file.stat(),
        close: () => file.close(),
        async read(buffer, position) {
          const count = await file.read(buffer, position)
          if (!done) meddle()
          done = true
          return count
        },
      }
    },
  })

  test.each([1_000, 5_000_000])(
    'a file of %d bytes that grows, shrinks or vanishes while it is read',
    async (size) => {
      fs.mkdirSync(local('tree'))
      const names = ['grows', 'shrinks', 'vanishes', 'rewritten']
      const before = new Map(names.map((name, i) => [name, Buffer.from(randomFrom(i).bytes(size))]))
      const meddle: Record<string, (file: string) => void> = {
        grows: (file) => fs.appendFileSync(file, 'and more'),
        shrinks: (file) => fs.truncateSync(file, 10),
        vanishes: (file) => fs.rmSync(file),
        rewritten: (file) => fs.writeFileSync(file, Buffer.alloc(size, 1)),
      }
      for (const name of names) {
        fs.writeFileSync(local('tree', name), before.get(name)!)
        fs.writeFileSync(local('tree', `other ${name}`), name)
        const meddled = await own.pool.client({
          files: meddling(name, () => meddle[name]!(local('tree', name))),
        })
        const { problems, warnings } = await put(meddled, {
          sources: [local('tree')],
          target: `${own.home}/${name}`,
        })
        await meddled.close()
        expect(problems.length + warnings.length).toBeLessThanOrEqual(1)
        const told = problems.length + warnings.length === 1
        const target = local(`got ${name}`)
        const { failed } = await get(await next(), { sources: [`${own.home}/${name}`], target })
        expect(failed).toEqual([])
        expect(fs.readFileSync(path.join(target, `other ${name}`), 'utf8')).toBe(name)
        if (problems.length > 0) expect(fs.existsSync(path.join(target, name))).toBe(false)
        else if (!told) {
          // Nothing was told, so what is stored is the file as it was or as it is.
          const stored = fs.readFileSync(path.join(target, name))
          const now = fs.existsSync(local('tree', name)) ? fs.readFileSync(local('tree', name)) : undefined
          expect(stored.equals(before.get(name)!) || (now !== undefined && stored.equals(now))).toBe(true)
        }
        fs.rmSync(local('tree', name), { force: true })
      }
    },
  )

  test('sockets, pipes and devices are told and left out', async () => {
    const folder = local('odd')
    fs.mkdirSync(folder)
    execFileSync('mkfifo', [path.join(folder, 'pipe')])
    fs.writeFileSync(path.join(folder, 'file'), 'x')
    const { problems, files } = await put(own.client, { sources: [folder], target: `${own.home}/` })
    expect(problems.map(({ path: at }) => path.basename(at))).toEqual(['pipe'])
    expect(problems[0]!.error).toBeInstanceOf(UsageError)
    expect(files).toBe(1)
    await expect(put(own.client, { sources: ['/dev/null'], target: `${own.home}/` })).rejects.toBeInstanceOf(
      UsageError,
    )
  })

  test.skipIf(process.geteuid === undefined)(
    'a file without read permission is told, the others go on',
    async () => {
      const folder = local('locked')
      fs.mkdirSync(path.join(folder, 'closed'), { recursive: true })
      fs.writeFileSync(path.join(folder, 'closed', 'inner'), 'x')
      fs.writeFileSync(path.join(folder, 'secret'), 'x')
      fs.writeFileSync(path.join(folder, 'open'), 'x')
      fs.chmodSync(path.join(folder, 'secret'), 0)
      fs.chmodSync(path.join(folder, 'closed'), 0)
      const { problems, files } = await asNobody(() =>
        put(own.client, { sources: [folder], target: `${own.home}/` }),
      )
      fs.chmodSync(path.join(folder, 'closed'), 0o700)
      expect(problems.map(({ path: at }) => path.basename(at)).sort()).toEqual(['closed', 'secret'])
      for (const { error } of problems) expect(error).toBeInstanceOf(DeniedError)
      expect(files).toBe(1)
    },
  )
})
