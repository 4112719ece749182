/** Every promise of LocalFiles; each adapter's test calls this. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../core/open/bytes.ts'
import type { LocalEntry, LocalFiles } from './local-files.ts'

export interface LocalFilesSetup {
  readonly files: LocalFiles
  /** An empty folder; the names of the other calls are paths below it. */
  readonly root: string
  makeFile(name: string, bytes: Uint8Array): Promise<void>
  makeFolder(name: string): Promise<void>
  makeSymlink(name: string, target: string): Promise<void>
  readFile(name: string): Promise<Uint8Array>
  names(folder: string): Promise<string[]>
  cleanUp(): Promise<void>
}

const stat = { size: 3, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 0, mode: 0o644 }

export function localFilesConformance(name: string, setup: () => Promise<LocalFilesSetup>): void {
  describe(`LocalFiles: ${name}`, () => {
    let it_: LocalFilesSetup

    beforeEach(async () => {
      it_ = await setup()
    })
    afterEach(() => it_.cleanUp())

    async function entries(path: string): Promise<LocalEntry[]> {
      const found: LocalEntry[] = []
      for await (const item of it_.files.walk(path)) {
        if ('error' in item) throw item.error
        found.push(item)
      }
      return found
    }

    it('walks folders before their content, in byte order, and does not follow symlinks', async () => {
      await it_.makeFolder('b')
      await it_.makeFile('b/x', utf8('1'))
      await it_.makeFile('a', utf8('22'))
      await it_.makeFolder('outside')
      await it_.makeFile('outside/secret', utf8('s'))
      await it_.makeSymlink('b/link', '../outside')
      const found = await entries(it_.root)
      expect(found.map((entry) => [entry.names.join('/'), entry.stat.kind, entry.stat.size])).toEqual([
        ['', 'folder', 0],
        ['a', 'file', 2],
        ['b', 'folder', 0],
        ['b/link', 'symlink', 0],
        ['b/x', 'file', 1],
        ['outside', 'folder', 0],
        ['outside/secret', 'file', 1],
      ])
      expect(found[3]!.stat.target).toBe('../outside')
    })

    it('does not follow a symlink that is named itself', async () => {
      await it_.makeFolder('folder')
      await it_.makeSymlink('link', 'folder')
      expect((await entries(`${it_.root}/link`)).map((entry) => entry.stat.kind)).toEqual(['symlink'])
    })

    it('throws NotFoundError for what is not there', async () => {
      await expect(it_.files.stat(`${it_.root}/none`)).rejects.toMatchObject({ code: 'not-found' })
      await expect(entries(`${it_.root}/none`)).rejects.toMatchObject({ code: 'not-found' })
      await expect(it_.files.target(`${it_.root}/none`)).rejects.toMatchObject({ code: 'not-found' })
    })

    it('reads at positions and says how many bytes there were', async () => {
      await it_.makeFile('f', utf8('0123456789'))
      const file = await it_.files.open(await it_.files.stat(`${it_.root}/f`))
      const buffer = new Uint8Array(4)
      expect(await file.read(buffer, 2)).toBe(4)
      expect(fromUtf8(buffer)).toBe('2345')
      expect(await file.read(buffer, 8)).toBe(2)
      expect(await file.read(buffer, 10)).toBe(0)
      await file.close()
    })

    it('changes the fingerprint when the file changes', async () => {
      await it_.makeFile('f', utf8('abc'))
      const entry = await it_.files.stat(`${it_.root}/f`)
      const file = await it_.files.open(entry)
      expect((await file.stat()).fingerprint).toBe(entry.stat.fingerprint)
      await it_.makeFile('f', utf8('abcd'))
      expect((await it_.files.stat(`${it_.root}/f`)).stat.fingerprint).not.toBe(entry.stat.fingerprint)
      await file.close()
    })

    it('shows a file under its name whole or not at all, replacing what was there', async () => {
      await it_.makeFile('f', utf8('old'))
      const target = await it_.files.target(it_.root)
      const file = await target.file('f', stat)
      await file.write(utf8('c'), 2)
      expect(fromUtf8(await it_.readFile('f'))).toBe('old')
      await file.write(utf8('ab'), 0)
      await file.finish()
      expect(fromUtf8(await it_.readFile('f'))).toBe('abc')
      const after = await it_.files.stat(`${it_.root}/f`)
      expect(after.stat).toMatchObject(stat)
    })

    it('leaves nothing behind when it discards', async () => {
      const target = await it_.files.target(it_.root)
      const file = await target.file('f', stat)
      await file.write(utf8('abc'), 0)
      await file.discard()
      expect(await it_.names('')).toEqual([])
    })

    it('never writes through a symlink', async () => {
      await it_.makeFolder('victim')
      await it_.makeFile('victim/f', utf8('safe'))
      await it_.makeSymlink('link', 'victim')
      await it_.makeSymlink('f', 'victim/f')
      const target = await it_.files.target(it_.root)
      await expect(target.folder('link')).rejects.toMatchObject({ code: 'conflict' })
      const file = await target.file('f', stat)
      await file.write(utf8('new'), 0)
      await file.finish()
      expect(fromUtf8(await it_.readFile('victim/f'))).toBe('safe')
      expect(fromUtf8(await it_.readFile('f'))).toBe('new')
    })

    it.each(['..', '.', '', 'a/b', '../x', 'a\0b'])('refuses the name %j', async (bad) => {
      const target = await it_.files.target(it_.root)
      await expect(target.folder(bad)).rejects.toMatchObject({ code: 'usage' })
      await expect(target.file(bad, stat)).rejects.toMatchObject({ code: 'usage' })
      await expect(target.symlink(bad, 'x', stat)).rejects.toMatchObject({ code: 'usage' })
      expect(await it_.names('')).toEqual([])
    })

    it('makes folders, takes those that are there, and refuses what is none', async () => {
      const target = await it_.files.target(it_.root)
      const folder = await target.folder('a')
      await (await (await target.folder('a')).folder('b')).finish({ ...stat, mode: 0o755 })
      await folder.finish({ ...stat, mode: 0o755 })
      expect((await it_.files.stat(`${it_.root}/a`)).stat).toMatchObject({
        kind: 'folder',
        mtimeSeconds: stat.mtimeSeconds,
      })
      await it_.makeFile('f', utf8('x'))
      await expect(target.folder('f')).rejects.toMatchObject({ code: 'conflict' })
      await expect(it_.files.target(`${it_.root}/f`)).rejects.toMatchObject({ code: 'conflict' })
      await expect(target.file('a', stat).then((file) => file.finish())).rejects.toMatchObject({
        code: 'conflict',
      })
    })

    it('makes symlinks as they were, replacing what was there', async () => {
      const target = await it_.files.target(it_.root)
      await it_.makeFile('l', utf8('x'))
      await target.symlink('l', '../../anywhere', { ...stat, size: 0 })
      const made = await it_.files.stat(`${it_.root}/l`)
      expect(made.stat).toMatchObject({
        kind: 'symlink',
        target: '../../anywhere',
        mtimeSeconds: stat.mtimeSeconds,
      })
    })
  })
}
