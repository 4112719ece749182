/** Everything comes out of a pool, whatever became of its log: as of the head that this home believed. */
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import type { Client } from '../../src/client/client.ts'
import { createSpace } from '../../src/client/operations/create-space.ts'
import type { ExportParameters, ExportResult } from '../../src/client/operations/export.ts'
import { exportAll } from '../../src/client/operations/export.ts'
import { get } from '../../src/client/operations/get.ts'
import { readBundle } from '../../src/client/log/audit/log-bundle.ts'
import { verifyBundle } from '../../src/client/log/audit/verify-log.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { move } from '../../src/client/operations/move.ts'
import { put } from '../../src/client/operations/put.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { ForkedError, UntrustedError } from '../../src/core/open/errors.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import { errorOf, names, openVictim } from '../fixtures/log/log-victim.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let scratch: string
const local = (...parts: string[]) => path.join(scratch, ...parts)

function hasher(): ExportParameters['hasher'] {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}

const exported = (
  client: Client,
  target: string,
  more: Partial<ExportParameters> = {},
): Promise<ExportResult> => exportAll(client, { target, hasher: hasher(), waitMs: 0, ...more })

beforeAll(async () => {
  pool = await startTestPool({ providers: 4 })
  scratch = await pool.scratch('export')
  fs.mkdirSync(local('tree', 'deep', 'er'), { recursive: true })
  fs.writeFileSync(local('tree', 'large'), randomBytes(3_000_000))
  fs.writeFileSync(local('tree', 'deep', 'small'), 'small')
  fs.writeFileSync(local('tree', 'deep', 'er', 'empty'), '')
  fs.symlinkSync('../large', local('tree', 'deep', 'link'))
  fs.chmodSync(local('tree', 'deep', 'small'), 0o755)
  const { alice } = pool
  await put(alice, { sources: [local('tree')], target: '/home/' })
  await createSpace(alice, { name: 'second' })
  for (const at of ['/home/a', '/second/box']) await makeFolder(alice, { path: at })
  fs.writeFileSync(local('gone'), 'gone')
  await put(alice, { sources: [local('gone')], target: '/second/box/' })
  await remove(alice, { path: '/second/box/gone' })
  // New keys below a moved folder, a file that is written again, one that is renamed only.
  await move(alice, { from: '/home/tree/deep', to: '/home/tree/moved' })
  fs.writeFileSync(local('small'), 'smaller')
  await put(alice, { sources: [local('small')], target: '/home/tree/moved/' })
  await move(alice, { from: '/home/tree/large', to: '/home/tree/renamed' })
})
afterAll(() => pool.close())

test('exports what get fetches, with an index and a log that anybody can check', async () => {
  fs.mkdirSync(local('got'))
  await get(pool.alice, { sources: ['/home', '/second'], target: local('got') })
  const client = await pool.client()
  const dry = await exported(client, local('out'), { dryRun: true })
  expect(fs.existsSync(local('out'))).toBe(false)
  const result = await exported(client, local('out'))
  expect(result.failed).toEqual([])
  expect(result.total).toEqual(dry.total)
  expect(result).toMatchObject({ files: 3, kept: 0, spaces: ['home', 'second'] })
  expect(result.total).toEqual({ files: 3, folders: 7, symlinks: 1, bytes: 3_000_007 })
  expect(treeOf(local('out', 'files'))).toEqual({ ...treeOf(local('got')), '.': 'folder 700' })
  const lines = fs.readFileSync(local('out', 'contents.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines.length).toBe(11)
  expect(lines.map((line) => (JSON.parse(line) as { path: string }).path)).toContain('/home/tree/moved/small')
  const bundle = await readBundle(nodePrimitives, hasher(), fs.createReadStream(local('out', 'log.bundle')))
  const { verdict } = await verifyBundle(nodePrimitives, bundle, { pool: client.identity.pool })
  expect(verdict.size).toBe(result.head.size)
})

test('goes on where it was: what is there already is left as it is', async () => {
  const client = await pool.client()
  fs.rmSync(local('out', 'files', 'home', 'tree', 'renamed'))
  const again = await exported(client, local('out'))
  expect(again).toMatchObject({ files: 1, bytes: 3_000_000, kept: 2, failed: [] })
  expect(treeOf(local('out', 'files'))).toEqual({ ...treeOf(local('got')), '.': 'folder 700' })
})

test('on a forked log everything up to the pinned head, and nothing newer', async () => {
  const { client } = await openVictim(pool)
  await names(client, '/home/tree')
  const { size } = (await client.log.pins()).head!
  await client.log.freeze('two histories, in a test', {})
  fs.writeFileSync(local('newer'), 'newer')
  await put(pool.alice, { sources: [local('newer')], target: '/home/tree/' })
  await remove(pool.alice, { path: '/home/tree/renamed' })
  expect(await errorOf(names(client, '/home/tree'))).toBeInstanceOf(ForkedError)
  const result = await exported(client, local('forked'))
  expect(result.failed).toEqual([])
  expect(result.head).toMatchObject({ size, why: 'the log was forked: two histories, in a test' })
  expect(treeOf(local('forked', 'files'))).toEqual({ ...treeOf(local('got')), '.': 'folder 700' })
  await client.close()
})

test('entries that are not the log’s are not exported, nor a bundle of them', async () => {
  const { client, tracker } = await openVictim(pool)
  await names(client, '/home/tree')
  await client.log.freeze('two histories, in a test', {})
  tracker.on(logMethods.logEntries, async (_, ask) => {
    const answer = await ask()
    return { ...answer, entries: answer.entries.toReversed() }
  })
  expect(await errorOf(exported(client, local('lies')))).toBeInstanceOf(UntrustedError)
  expect(fs.readdirSync(local('lies'))).toEqual([])
  await client.close()
})

test('a file that can’t be fetched is told, and the others are there', async () => {
  // An empty file needs no provider.
  const all = [0, 1, 2, 3]
  await pool.stop(...all)
  const client = await pool.client()
  const result = await exported(client, local('partly'))
  const { total, failed } = result
  expect([total.files, result.files, failed.length]).toEqual([3, 1, 2])
  for (const { error } of failed) expect(error.code).toBe('not-enough-shards')
  await pool.start(all)
  const again = await exported(client, local('partly'))
  expect(again.failed).toEqual([])
  expect(again.files + again.kept).toBe(total.files)
})
