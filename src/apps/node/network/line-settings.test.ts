import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lineOfHome, lineOfRole, readLineSettings, rememberLineSettings } from './line-settings.ts'

let folder: string
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(tmpdir(), 'allmend-limits-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

const rates = (line: Awaited<ReturnType<typeof lineOfHome>>) => {
  const { up, down } = line?.inForce() ?? {}
  return [up?.rate, down?.rate]
}

it('a role remembers what its options say, each by itself, and not what its environment does', async () => {
  const asked = { options: { up: '1MB/s' }, environment: { up: '2MB/s', down: '3MB/s' } }
  expect(rates(await lineOfRole(folder, asked))).toEqual([1_000_000, 3_000_000])
  expect(await readLineSettings(folder)).toEqual({ up: '1MB/s' })
  await lineOfRole(folder, { options: { down: '500KB/s', lan: true }, environment: {} })
  expect(await readLineSettings(folder)).toEqual({ up: '1MB/s', down: '500KB/s', lan: true })
  expect((await lineOfRole(folder, undefined))?.withLan).toBe(true)
  expect(rates(await lineOfRole(folder, { options: { up: 'off' }, environment: {} }))).toEqual([
    undefined,
    500_000,
  ])
})

it('a home has what it was told to remember, unless a command says otherwise for itself', async () => {
  expect(await lineOfHome(folder, undefined)).toBeUndefined()
  await rememberLineSettings(folder, { up: '1MB/s' })
  const asked = { options: { up: '2MB/s' }, environment: {} }
  expect(rates(await lineOfHome(folder, asked))).toEqual([2_000_000, undefined])
  expect(await readLineSettings(folder)).toEqual({ up: '1MB/s' })
})

it('a damaged file is named, and nothing is taken for no limit', async () => {
  for (const text of ['', '{', '[]1', '{"up":5}', '{"up":"fast"}', '{"lan":"yes"}', 'null']) {
    await fs.writeFile(path.join(folder, 'limits.json'), text)
    await expect(readLineSettings(folder)).rejects.toMatchObject({ code: 'folder' })
  }
})
