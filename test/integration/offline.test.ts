/** The tracker killed with -9 under a pool of real processes: what a member's home has kept still works, and says that it is old. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OfflineStatus } from '../../src/client/operations/offline-status.ts'
import { differences, makeMixedTree, recordTree } from '../fixtures/mixed-tree.ts'
import type { Finished } from '../fixtures/processes/process-pool.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

/** Nobody starts the tracker while a command waits for it. */
const IMPATIENT = '--tracker-wait=1'

let pool: ProcessPool
const cache = () => path.join(pool.home(), 'cache.db')

beforeAll(async () => {
  pool = await ProcessPool.start({ restart: 'never', members: 'alice,bob', offlineAfter: 2 })
  makeMixedTree(pool.at('tree'), randomFrom(1), { large: 2, small: 20 })
  fs.mkdirSync(pool.at('hidden'))
  fs.writeFileSync(pool.at('hidden', 'file'), 'never listed')
  await pool.run('put', pool.at('tree'), '/home/')
  expect((await pool.run('ls', '/home')).stdout).toBe('tree\n')
  settle()
  fs.copyFileSync(cache(), pool.at('old cache'))
  await pool.run('put', pool.at('hidden'), '/home/')
  expect((await pool.run('ls', '-R', '/home/tree')).code).toBe(0)
  expect((await pool.run('ls', '/home')).stdout).toBe('hidden\ntree\n')
  settle()
  fs.copyFileSync(cache(), pool.at('new cache'))
  await pool.kill('tracker')
})
afterAll(() => pool.close())

/** Brings everything that commands have kept into the one file. */
function settle(): void {
  const db = new DatabaseSync(cache())
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function useCache(file: string): void {
  for (const ending of ['-wal', '-shm']) fs.rmSync(cache() + ending, { force: true })
  fs.copyFileSync(file, cache())
}

/** Over TLS a tracker that is gone shows at once; `transfer` looks for holders over UDP, too. */
const run = (...args: string[]) => pool.run(IMPATIENT, '--transport=tls', ...args)
const transfer = (...args: string[]) => pool.run(IMPATIENT, ...args)

const lines = ({ stdout }: Finished) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; asOf?: string })

test('lists and details are those that were seen last, and say as of when', async () => {
  const listed = await run('ls', '/home')
  expect([listed.code, listed.stdout]).toEqual([0, 'hidden\ntree\n'])
  expect(listed.stderr).toMatch(
    /The tracker can't be reached: this is as of \d{4}-.*Z, when this device verified it last/,
  )
  const entries = lines(await run('--json', 'ls', '/home'))
  expect(entries.map(({ name }) => name)).toEqual(['hidden', 'tree'])
  for (const { asOf } of entries) expect(Date.now() - Date.parse(asOf!)).toBeLessThan(600_000)
  const [file] = lines(await run('--json', 'stat', '/home/tree/large-0.bin'))
  expect(file).toMatchObject({ kind: 'file', asOf: expect.any(String) as string })
})

test('get and cat give exact bytes from the providers, once these have lost the tracker', async () => {
  const whole = await until(async () => {
    const target = fs.mkdtempSync(pool.at('out-'))
    const got = await transfer('--json', 'get', '/home/tree', target)
    if (got.code === 0) return { got, target }
    // Until then there is no data, and it says why.
    expect(got.stdout + got.stderr).toMatch(/"code":"denied"/)
    expect(
      fs.readdirSync(target, { recursive: true }).filter((name) => String(name).endsWith('.bin')),
    ).toEqual([])
    return undefined
  })
  expect(differences(recordTree(pool.at('tree')), recordTree(path.join(whole.target, 'tree')))).toEqual([])
  expect(JSON.parse(whole.got.stdout)).toMatchObject({ failed: [], asOf: expect.any(String) as string })
  const bytes = fs.readFileSync(pool.at('tree', 'large-0.bin'))
  const part = await run('cat', '--offset', '100000', '--length', '300000', '/home/tree/large-0.bin')
  expect(part.bytes.equals(bytes.subarray(100_000, 400_000))).toBe(true)
  // Two providers gone on top of it: k of n are enough.
  await pool.kill('1', '2')
  const less = await run('get', '/home/tree', pool.at('less'))
  expect(less.stderr + String(less.code)).toMatch(/0$/)
  expect(differences(recordTree(pool.at('tree')), recordTree(pool.at('less')))).toEqual([])
})

test('what was never seen is named, and nothing can be written', async () => {
  const unseen = await run('get', '/home/hidden', pool.at('unseen'))
  expect(unseen.code).toBe(1)
  expect(unseen.stderr).toMatch(/this home has not kept the list of the folder \/home\/hidden/)
  expect((await run('stat', '/home/nothing')).code).toBe(3)
  for (const args of [
    ['put', pool.at('hidden', 'file'), '/home/'],
    ['rm', '-r', '/home/tree'],
  ]) {
    const { code, stderr } = await run(...args)
    expect([args[0], code], stderr).toEqual([args[0], 1])
    expect(stderr).toMatch(/the tracker at .* can't be reached/)
  }
})

test('status says what works', async () => {
  const { code, stdout } = await run('--json', 'status')
  expect(code).toBe(1)
  const { offline } = JSON.parse(stdout) as { offline: OfflineStatus }
  expect(offline.spaces).toMatchObject([{ name: 'home' }])
  const days = (Date.parse(offline.spaces[0]!.contentsUntil!) - Date.now()) / 86_400_000
  expect(days).toBeGreaterThan(6.9)
  expect(days).toBeLessThanOrEqual(7)
  expect(offline.kept.bytes).toBeGreaterThan(1_000)
  expect((await run('status')).stdout).toMatch(/nothing can be written/)
})

test('a cache that was put back says that this home has seen more since', async () => {
  useCache(pool.at('old cache'))
  const listed = await run('ls', '/home')
  expect([listed.code, listed.stdout]).toEqual([0, 'tree\n'])
  expect(listed.stderr).toMatch(
    /as of .*Z, when this device verified it last; it has seen the log go on until/,
  )
})

test('a cache that was changed, or copied from another device, shows nothing', async () => {
  useCache(pool.at('new cache'))
  const db = new DatabaseSync(cache())
  db.exec('UPDATE records SET value = CAST(substr(value, 1, length(value) - 30) || zeroblob(30) AS BLOB)')
  db.close()
  const { code, stdout, stderr } = await run('--json', 'ls', '/home')
  expect([code, stdout], stderr).toEqual([7, ''])
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'untrusted' } })
  useCache(pool.at('new cache'))
  fs.writeFileSync(cache(), fs.readFileSync(cache()).fill(0x5a, 0, 4_096))
  expect((await run('ls', '/home')).code).toBe(7)
  for (const ending of ['-wal', '-shm']) fs.rmSync(cache() + ending, { force: true })
  fs.copyFileSync(pool.at('new cache'), path.join(pool.home('bob'), 'cache.db'))
  const bob = await pool.as('bob', IMPATIENT, '--transport=tls', 'ls', '/home')
  expect([bob.code, bob.stdout]).toEqual([1, ''])
  expect(bob.stderr).toMatch(/has not kept the list of your spaces/)
})

test('with the tracker back all goes on, and a damaged cache is begun anew', async () => {
  const tracker = pool.spawn(['tracker', 'start', '--dir', path.join(pool.dir, 'tracker')])
  const listed = await until(async () => {
    const done = await run('--json', 'ls', '/home')
    return done.code === 0 ? done : undefined
  })
  expect(lines(listed).map(({ asOf }) => asOf)).toEqual([undefined, undefined])
  await pool.providersUp(4)
  expect((await transfer('get', '/home/tree', pool.at('again'))).code).toBe(0)
  expect((await run('mkdir', '/home/new')).code).toBe(0)
  expect((await run('ls', '/home')).stdout).toBe('hidden\nnew\ntree\n')
  tracker.child.kill('SIGKILL')
  await tracker.finished
  const offline = await run('ls', '/home')
  expect([offline.code, offline.stdout]).toEqual([0, 'hidden\nnew\ntree\n'])
})
