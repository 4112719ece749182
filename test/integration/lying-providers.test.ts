/** Providers whose files were tampered with, and providers that lie: every read is right or fails as untrusted. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { check } from '../../src/client/operations/check.ts'
import { get } from '../../src/client/operations/get.ts'
import { put } from '../../src/client/operations/put.ts'
import { status } from '../../src/client/operations/status.ts'
import { equalBytes, toHex } from '../../src/core/open/bytes.ts'
import { NotEnoughShardsError, UnreachableError, UntrustedError } from '../../src/core/open/errors.ts'
import { readShard } from '../../src/core/open/protocol/provider-methods.ts'
import { listStripes } from '../../src/core/open/protocol/tracker-methods.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import type { Liar, Lie } from '../fixtures/lying-provider.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

const ALL = [0, 1, 2, 3, 4, 5]

async function putFolder(pool: TestPool, name: string, megabytes: number): Promise<string> {
  const folder = path.join(await pool.scratch('in'), name)
  const random = randomFrom(megabytes)
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'large'), random.bytes(megabytes * 1_000_000))
  for (let i = 0; i < 20; i++) fs.writeFileSync(path.join(folder, `small ${i}`), random.bytes(1_000 + i))
  const { problems } = await put(pool.alice, { sources: [folder], target: '/home/' })
  expect(problems).toEqual([])
  return folder
}

let attempts = 0
async function getFolder(pool: TestPool, name: string) {
  const target = path.join(await pool.scratch(`out ${attempts++}`), name)
  const client = await pool.client()
  const result = await get(client, { sources: [`/home/${name}`], target, waitMs: 0 })
  await client.close()
  return { result, target }
}

describe('lies', () => {
  let pool: TestPool
  let source: string
  const liars: Liar[] = ALL.map(() => ({ lie: undefined, lies: 0 }))
  const lie = (places: readonly number[], what: Lie | undefined) => {
    for (const [place, liar] of liars.entries()) {
      liar.lie = places.includes(place) ? what : undefined
      liar.lies = 0
    }
  }
  beforeAll(async () => {
    pool = await startTestPool()
    for (const place of ALL) await pool.start([place], liars[place]!)
    source = await putFolder(pool, 'tree', 30)
  })
  afterAll(() => pool.close())

  const stripes = async () => {
    const { space } = await pool.alice.trees.resolve('/home')
    return (await pool.alice.tracker.call(listStripes, { space: space.id })).stripes
  }
  /** Puts a folder into stripes of its own, since a holder that is known for damage isn't asked first; names one that is. */
  const putFresh = async (name: string, megabytes: number) => {
    const before = new Set((await stripes()).map(({ id }) => toHex(id)))
    const folder = await putFolder(pool, name, megabytes)
    const added = (await stripes()).filter(({ id }) => !before.has(toHex(id)))
    const [, holder] = added[0]!.holders.find(([index]) => index === 0)!
    return { folder, holder: pool.providers.findIndex(({ id }) => equalBytes(id, holder)) }
  }
  const reads: Lie[] = ['flip', 'cut', 'extend', 'other-shard', 'garbage', 'bad-head']
  test.each(reads)('two of six that %s: exact bytes, the shards are told', async (what) => {
    const random = seededRandom()
    const { folder: fresh, holder: one } = await putFresh(`${what} by two`, 18 + reads.indexOf(what))
    const two = (one + 1 + random.below(5)) % 6
    lie([one, two], what)
    const { result, target } = await getFolder(pool, `${what} by two`)
    expect(result.failed).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(fresh))
    const asked = liars.filter(({ lies }) => lies > 0).length
    expect(asked).toBeGreaterThan(0)
    expect(result.damagedShards).toBeGreaterThan(0)
    const guilty = [one, two].map((place) => toHex(pool.providers[place]!.id))
    const { damaged } = await status(pool.alice)
    expect(damaged.some(({ provider }) => guilty.includes(provider))).toBe(true)
  })

  test.each(reads)('all that %s: untrusted, and nothing is written', async (what) => {
    lie(ALL, what)
    const { result, target } = await getFolder(pool, 'tree')
    for (const { error } of result.failed) expect(error).toBeInstanceOf(UntrustedError)
    // Who repeats his last answer is right now and then.
    if (what !== 'other-shard') expect(result.failed).toHaveLength(21)
    expect(result.failed.length + fs.readdirSync(target).length).toBe(21)
    for (const name of fs.readdirSync(target))
      expect(fs.readFileSync(path.join(target, name))).toEqual(fs.readFileSync(path.join(source, name)))
  })

  test('two that never answer a read cost seconds, not more', async () => {
    const { folder, holder } = await putFresh('stalled', 40)
    lie([holder, (holder + 3) % 6], 'stall')
    const { result, target } = await getFolder(pool, 'stalled')
    expect(result.failed).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(folder))
    expect(liars[holder]!.lies).toBeGreaterThan(0)
  }, 40_000)

  test('check --read-data finds what lies, whoever lies', async () => {
    lie([2], 'flip')
    const { problems, checkedBytes } = await check(await pool.client(), { readData: true })
    const wrong = problems.filter(({ what }) => what === 'wrong')
    expect(wrong.length).toBe(liars[2]!.lies)
    expect(new Set(wrong.map(({ provider }) => provider))).toEqual(new Set(['p3']))
    expect(checkedBytes).toBeGreaterThan(30_000_000)
  })

  test('check asks who was silent once more', async () => {
    lie([], undefined)
    const silent = new Meddler()
    const asked = new Set<string>()
    silent.delay(readShard, async ({ head }) => {
      const shard = toHex(readShard.request.decode(head).shard)
      if (asked.has(shard)) return
      asked.add(shard)
      throw new UnreachableError('no answer in time')
    })
    const client = await pool.client({
      wrap: (transport) => meddlingTransport(transport, pool.providers[1]!.id, silent),
    })
    expect(await check(client, { readData: true })).toMatchObject({ problems: [], lost: 0, atRisk: 0 })
    expect(asked.size).toBeGreaterThan(0)
    expect(silent.count).toBe(2 * asked.size)
  })

  test('providers that throw away what they acknowledge: read from the others, found by checking', async () => {
    lie([0, 5], 'pretend')
    const folder = await putFolder(pool, 'thrown away', 9)
    lie([], undefined)
    const { result, target } = await getFolder(pool, 'thrown away')
    expect(result.failed).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(folder))
    const { problems } = await check(await pool.client())
    const missing = problems.filter(({ what }) => what === 'missing')
    expect(missing.length).toBeGreaterThan(0)
    expect(new Set(missing.map(({ provider }) => provider))).toEqual(new Set(['p1', 'p6']))
  })
})

describe('files of providers', () => {
  let pool: TestPool
  let source: string
  beforeAll(async () => {
    pool = await startTestPool()
    // The large one has more chunks than a manifest holds.
    source = await putFolder(pool, 'tree', 45)
  })
  afterAll(() => pool.close())

  const segments = (place: number): string[] =>
    fs
      .readdirSync(pool.shardsOf(place), { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(pool.shardsOf(place), name))
      .filter((file) => fs.statSync(file).size > 100_000)

  /** Runs `tamper` on every large file of these providers while they are down. */
  const tamper = async (places: readonly number[], how: (file: string) => void) => {
    await pool.stop(...places)
    for (const place of places) {
      const files = segments(place)
      expect(files.length).toBeGreaterThan(0)
      for (const file of files) how(file)
    }
    await pool.start(places)
  }
  const flip = (file: string, at: number) => {
    const bytes = fs.readFileSync(file)
    bytes[at]! ^= 0x40
    fs.writeFileSync(file, bytes)
  }

  test('flipped, cut and deleted: exact bytes, everything is found, and it can be put again', async () => {
    const random = seededRandom()
    await tamper([0], (file) => {
      for (let i = 0; i < 40; i++) flip(file, random.below(fs.statSync(file).size))
    })
    await tamper([3], (file) => fs.truncateSync(file, random.below(fs.statSync(file).size)))
    const { result, target } = await getFolder(pool, 'tree')
    expect(result.failed).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(source))

    const { problems, files, lost } = await check(await pool.client(), { readData: true })
    expect(new Set(problems.map(({ provider }) => provider))).toEqual(new Set(['p1', 'p4']))
    expect(lost).toBe(0)
    expect(files).toEqual([])
    const { damaged, stripes } = await status(await pool.client())
    expect(damaged.length).toBe(problems.length)
    expect(stripes.healthy).toBeLessThan(stripes.healthy + stripes.degraded + stripes.atRisk)

    // A new put of the same tree sends again what isn't whole, and that outlives its lease.
    const healed = await put(await pool.client(), { sources: [source], target: '/home/' })
    expect(healed.problems).toEqual([])
    // The large one has a new version if its lists were hurt.
    expect(healed.unchanged).toBeGreaterThanOrEqual(20)
    expect(healed.sentBytes).toBeGreaterThan(0)
    const again = await put(await pool.client(), { sources: [source], target: '/home/' })
    expect(again.sentBytes).toBe(0)
    expect(again.unchanged).toBe(21)
    await pool.stop(1, 2)
    const later = await getFolder(pool, 'tree')
    expect(later.result.failed).toEqual([])
    expect(treeOf(later.target)).toEqual(treeOf(source))
    await pool.start([1, 2])
  })

  test('more deleted than can be computed again: untrusted; only away: not enough', async () => {
    const folder = await putFolder(pool, 'gone', 10)
    await tamper([0, 1, 2], (file) => fs.rmSync(file))
    const { result, target } = await getFolder(pool, 'gone')
    const large = result.failed.find(({ path }) => path === '/home/gone/large')
    expect(large?.error).toBeInstanceOf(UntrustedError)
    expect(fs.existsSync(path.join(target, 'large'))).toBe(false)
    for (const name of fs.readdirSync(target))
      expect(fs.readFileSync(path.join(target, name))).toEqual(fs.readFileSync(path.join(folder, name)))
    const { files, lost } = await check(await pool.client())
    expect(lost).toBeGreaterThan(0)
    expect(files).toContain('/home/gone/large')
    const fine = await putFolder(pool, 'fine', 5)
    await pool.stop(3, 4, 5)
    const away = await getFolder(pool, 'fine')
    expect(away.result.failed[0]?.error).toBeInstanceOf(NotEnoughShardsError)
    await pool.start([3, 4, 5])
    const back = await getFolder(pool, 'fine')
    expect(treeOf(back.target)).toEqual(treeOf(fine))
  })
})
