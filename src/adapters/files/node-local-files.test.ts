import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localFilesConformance } from '../../ports/local-files.conformance.ts'
import type { LocalEntry } from '../../ports/local-files.ts'
import { nodeLocalFiles } from './node-local-files.ts'

let root: string

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-files-'))
})

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true })
})

localFilesConformance('node:fs', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-files-'))
  return {
    files: nodeLocalFiles,
    root: folder,
    makeFile: async (name, bytes) => fs.writeFileSync(path.join(folder, name), bytes),
    makeFolder: async (name) => void fs.mkdirSync(path.join(folder, name)),
    makeSymlink: async (name, target) => fs.symlinkSync(target, path.join(folder, name)),
    readFile: async (name) => new Uint8Array(fs.readFileSync(path.join(folder, name))),
    names: async (name) => fs.readdirSync(path.join(folder, name)),
    cleanUp: async () => fs.rmSync(folder, { recursive: true, force: true }),
  }
})

async function walk(where: string) {
  const entries: LocalEntry[] = []
  const problems: { path: string; code: string }[] = []
  for await (const item of nodeLocalFiles.walk(where))
    if ('error' in item) problems.push({ path: item.path, code: item.error.code })
    else entries.push(item)
  return { entries, problems }
}

const stat = { size: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 0, mode: 0o644 }

describe('reading through node:fs', () => {
  it.runIf(process.platform === 'linux')(
    'tells names that are not UTF-8 or have control characters, and goes on',
    async () => {
      fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/a`), Buffer.from([0xff, 0xfe])]), 'x')
      fs.writeFileSync(`${root}/b`, 'y')
      fs.writeFileSync(`${root}/c\n`, 'z')
      const { entries, problems } = await walk(root)
      expect(entries.map((entry) => entry.names.join('/'))).toEqual(['', 'b'])
      expect(problems.map((problem) => problem.code)).toEqual(['usage', 'usage'])
    },
  )

  it.runIf(process.platform === 'linux')('keeps both normal forms and byte order', async () => {
    const names = ['\u00e9', 'e\u0301', 'Z', 'a', '-x', '\u{10000}', '\uffff'.normalize()]
    for (const name of names) fs.writeFileSync(`${root}/${name}`, name)
    const { entries } = await walk(root)
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(entries.slice(1).map((entry) => entry.names[0])).toEqual(sorted)
  })

  it.runIf(process.platform === 'linux')(
    'tells pipes and sockets as problems without opening them',
    async () => {
      const { execFileSync } = await import('node:child_process')
      execFileSync('mkfifo', [`${root}/pipe`])
      const { entries, problems } = await walk(root)
      expect(entries).toHaveLength(1)
      expect(problems).toEqual([{ path: `${root}/pipe`, code: 'usage' }])
    },
  )

  it.runIf(process.getuid?.() !== 0)('tells what must not be read, and goes on', async () => {
    fs.mkdirSync(`${root}/closed`, { mode: 0o000 })
    fs.writeFileSync(`${root}/open`, 'x')
    const { entries, problems } = await walk(root)
    expect(problems).toEqual([{ path: `${root}/closed`, code: 'denied' }])
    expect(entries.at(-1)?.names).toEqual(['open'])
    fs.chmodSync(`${root}/closed`, 0o700)
  })

  it('refuses a file that another one replaced between looking and opening', async () => {
    fs.writeFileSync(`${root}/a`, 'first')
    fs.writeFileSync(`${root}/b`, 'second')
    const entry = await nodeLocalFiles.stat(`${root}/a`)
    fs.renameSync(`${root}/b`, `${root}/a`)
    await expect(nodeLocalFiles.open(entry)).rejects.toMatchObject({ code: 'conflict' })
    fs.rmSync(`${root}/a`)
    fs.symlinkSync('/etc/passwd', `${root}/a`)
    await expect(nodeLocalFiles.open(entry)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('does not enter a folder that became a symlink during the walk', async () => {
    fs.mkdirSync(`${root}/in/sub`, { recursive: true })
    fs.mkdirSync(`${root}/out`)
    fs.writeFileSync(`${root}/out/secret`, 'x')
    const seen: string[] = []
    for await (const item of nodeLocalFiles.walk(`${root}/in`)) {
      seen.push('error' in item ? item.error.code : item.names.join('/'))
      if (!('error' in item) && item.names[0] === 'sub') {
        fs.rmdirSync(`${root}/in/sub`)
        fs.symlinkSync('../out', `${root}/in/sub`)
      }
    }
    expect(seen.slice(0, 2)).toEqual(['', 'sub'])
    expect(seen).not.toContain('sub/secret')
    expect(seen).toHaveLength(3)
  })

  it.runIf(process.platform === 'linux')('walks, reads and writes paths of 25 KB', async () => {
    const deep = 100
    const name = 'n'.repeat(255)
    let target = await nodeLocalFiles.target(root)
    for (let i = 0; i < deep; i++) target = await target.folder(name)
    const file = await target.file('leaf', { ...stat, size: 4 })
    await file.write(Buffer.from('deep'), 0)
    await file.finish()
    await target.finish({ ...stat, mode: 0o755 })

    const { entries, problems } = await walk(root)
    expect(problems).toEqual([])
    expect(entries).toHaveLength(deep + 2)
    const leaf = entries.at(-1)!
    expect(leaf.names).toHaveLength(deep + 1)
    const opened = await nodeLocalFiles.open(leaf)
    const buffer = new Uint8Array(10)
    expect(await opened.read(buffer, 0)).toBe(4)
    expect(Buffer.from(buffer.subarray(0, 4)).toString()).toBe('deep')
    await opened.close()
    expect((await nodeLocalFiles.stat(leaf.path)).stat.size).toBe(4)
  })

  it('takes `.` and `..` for the folders that they lead to', () => {
    expect(nodeLocalFiles.baseName('a/b/')).toBe('b')
    expect(nodeLocalFiles.baseName('-x')).toBe('-x')
    fs.mkdirSync(`${root}/in/sub`, { recursive: true })
    fs.symlinkSync('in/sub', `${root}/link`)
    expect(nodeLocalFiles.baseName(`${root}/in/.`)).toBe('in')
    expect(nodeLocalFiles.baseName(`${root}/link/..`)).toBe('in')
    expect(() => nodeLocalFiles.baseName('/')).toThrow(/no name/)
  })
})

describe('writing through node:fs', () => {
  it('enters no folder that a symlink took the place of', async () => {
    fs.mkdirSync(`${root}/victim`)
    const target = await nodeLocalFiles.target(root)
    const folder = await target.folder('sub')
    const begun = await folder.file('begun', stat)
    fs.renameSync(`${root}/sub`, `${root}/moved`)
    fs.symlinkSync('victim', `${root}/sub`)
    await expect(folder.file('x', stat)).rejects.toMatchObject({ code: 'conflict' })
    await expect(begun.finish()).rejects.toMatchObject({ code: 'conflict' })
    await expect(target.folder('sub')).rejects.toMatchObject({ code: 'conflict' })
    expect(fs.readdirSync(`${root}/victim`)).toEqual([])
  })

  it('restores executable bits and times, and drops set-user-id', async () => {
    const target = await nodeLocalFiles.target(root)
    const file = await target.file('run', {
      size: 1,
      mode: 0o4755,
      mtimeSeconds: 1_600_000_000,
      mtimeNanoseconds: 999_999_999,
    })
    await file.write(Buffer.from('x'), 0)
    await file.finish()
    const { stat: after } = await nodeLocalFiles.stat(`${root}/run`)
    expect(after.mode).toBe(0o755)
    expect(after.mtimeSeconds).toBe(1_600_000_000)
    // utimes takes doubles: a step is 238 ns.
    expect(999_999_999 - after.mtimeNanoseconds).toBeLessThan(500)
  })

  it('keeps times before 1970', async () => {
    const target = await nodeLocalFiles.target(root)
    const before = { mtimeSeconds: -5, mtimeNanoseconds: 250_000_000, mode: 0o600, size: 0 }
    await (await target.file('old', before)).finish()
    expect((await nodeLocalFiles.stat(`${root}/old`)).stat).toMatchObject(before)
  })

  it('leaves no temporary file, whether it finishes or is discarded', async () => {
    const target = await nodeLocalFiles.target(root)
    const files = await Promise.all(['a', 'b', 'c'].map((name) => target.file(name, stat)))
    await files[0]!.finish()
    await files[1]!.discard()
    await files[2]!.write(Buffer.from('x'), 0)
    await files[2]!.discard()
    await files[2]!.discard()
    expect(fs.readdirSync(root)).toEqual(['a'])
  })
})
