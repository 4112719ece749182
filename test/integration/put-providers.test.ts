/** Putting with few providers, with providers that leave in the middle, full ones, and lying ones. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'
import type { Client } from '../../src/client/client.ts'
import { check } from '../../src/client/operations/check.ts'
import { get } from '../../src/client/operations/get.ts'
import { list } from '../../src/client/operations/list.ts'
import { put } from '../../src/client/operations/put.ts'
import type { PutProgress } from '../../src/client/operations/put-parameters.ts'
import { TARGET_WAIT_MS } from '../../src/client/upload/stripe-sender.ts'
import { status } from '../../src/client/operations/status.ts'
import {
  CapacityError,
  DeniedError,
  NotEnoughProvidersError,
  NotEnoughShardsError,
} from '../../src/core/open/errors.ts'
import { putShard } from '../../src/core/open/protocol/provider-methods.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Liar } from '../fixtures/lying-provider.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import type { TestPool, TestPoolOptions } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
afterEach(() => pool.close())

/** A client as another command has it; the one before has ended, a provider takes few connections from one device. */
let last: Client | undefined
async function fresh(clock = nodeClock): Promise<Client> {
  await last?.close()
  last = await pool.client({ clock })
  return last
}

/** For puts that wait for providers who won't come back: a client whose time passes five times as fast. */
const hasty: Clock = {
  now: () => nodeClock.now(),
  monotonic: () => nodeClock.monotonic() * 5,
  sleep: (ms, signal) => nodeClock.sleep(ms / 5, signal),
}
const start = async (options: TestPoolOptions = {}) => {
  last = undefined
  pool = await startTestPool(options)
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const made = path.join(await pool.scratch('in'), name)
  fs.writeFileSync(made, bytes)
  return made
}

let attempts = 0
async function expectSame(source: string, remote: string, client?: Client): Promise<void> {
  const target = path.join(await pool.scratch(`out ${attempts++}`), 'file')
  const { failed } = await get(client ?? (await fresh()), { sources: [remote], target })
  expect(failed).toEqual([])
  expect(fs.readFileSync(target).equals(fs.readFileSync(source))).toBe(true)
}

const names = async () => {
  const found: string[] = []
  for await (const { name } of list(await fresh(), { path: '/home' })) found.push(name)
  return found
}

test('the scheme fits the providers that are up; below three, nothing is stored and it says what to do', async () => {
  await start({ providers: 6 })
  const random = randomFrom(1)
  const sources: string[] = []
  for (const up of [6, 4, 3]) {
    const away = [5, 4, 3, 2, 1, 0].slice(0, 6 - up)
    await pool.stop(...away)
    const source = await file(`with ${up}`, random.bytes(9_000_000))
    const { safety } = await put(await fresh(), { sources: [source], target: '/home/' })
    const wanted = { 6: 2, 4: 2, 3: 2 }[up]
    expect(safety).toEqual({ survives: wanted, target: wanted, missingShards: 0 })
    sources.push(source)
    if (up > 3) await pool.start(away)
  }
  await pool.stop(2)
  const source = await file('with 2', random.bytes(1_000))
  const began = process.hrtime.bigint()
  const refused = await put(await fresh(hasty), {
    sources: [source],
    target: '/home/',
    waitMs: TARGET_WAIT_MS,
  }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(NotEnoughProvidersError)
  expect(String(refused)).toContain('at least 3')
  // Not a measurement: without a limit it would be asked for twice as long.
  expect(Number(process.hrtime.bigint() - began) / 1e9).toBeLessThan(18)
  expect(await names()).toEqual(['with 3', 'with 4', 'with 6'])
  await pool.start([2, 3, 4, 5])
  await put(await fresh(), { sources: [source], target: '/home/' })
  for (const each of [...sources, source]) await expectSame(each, `/home/${path.basename(each)}`)
}, 120_000)

test('a provider that leaves in the middle: success, what is missing is told, the next put heals it', async () => {
  await start({ providers: 6 })
  const source = await file('large', randomFrom(2).bytes(45_000_000))
  let left: Promise<void> | undefined
  const progress: PutProgress[] = []
  const { safety, problems } = await put(await fresh(hasty), {
    sources: [source],
    target: '/home/',
    onProgress(now) {
      progress.push(now)
      if (now.decodable > 10_000_000) left ??= pool.stop(3)
    },
  })
  await left
  expect(problems).toEqual([])
  expect(safety.survives).toBeGreaterThanOrEqual(1)
  expect(safety.target).toBe(2)
  for (const [i, { sent, decodable, atTarget }] of progress.entries()) {
    expect(sent).toBeGreaterThanOrEqual(decodable)
    expect(decodable).toBeGreaterThanOrEqual(atTarget)
    expect(sent).toBeGreaterThanOrEqual(progress[i - 1]?.sent ?? 0)
    expect(sent).toBeLessThanOrEqual(45_000_000)
  }
  await expectSame(source, '/home/large')
  const healed = await put(await fresh(), { sources: [source], target: '/home/' })
  expect(healed.safety.missingShards).toBe(0)
  expect(healed.problems).toEqual([])
  expect(healed.sentBytes).toBeGreaterThan(0)
  const again = await put(await fresh(), { sources: [source], target: '/home/' })
  expect(again.sentBytes).toBe(0)
  // Every blob is now in a stripe that survives two more losses.
  await pool.stop(0, 1)
  await expectSame(source, '/home/large')
}, 120_000)

test('a provider that leaves for good while only as many are up as a stripe needs', async () => {
  await start({ providers: 4 })
  const source = await file('large', randomFrom(3).bytes(40_000_000))
  let left: Promise<void> | undefined
  const { safety } = await put(await fresh(hasty), {
    sources: [source],
    target: '/home/',
    onProgress({ decodable }) {
      if (decodable > 10_000_000) left ??= pool.stop(0)
    },
  })
  await left
  expect(safety.survives).toBeGreaterThanOrEqual(1)
  await expectSame(source, '/home/large')
  await pool.stop(1)
  await expectSame(source, '/home/large')
}, 120_000)

test('all but two leave in the middle: no success, nothing half-visible, the same put goes on later', async () => {
  await start({ providers: 5 })
  const source = await file('large', randomFrom(4).bytes(60_000_000))
  let left: Promise<void> | undefined
  const refused = await put(await fresh(hasty), {
    sources: [source],
    target: '/home/',
    waitMs: TARGET_WAIT_MS,
    onProgress({ decodable }) {
      if (decodable > 15_000_000) left ??= pool.stop(0, 1, 2)
    },
  }).catch((error: unknown) => error)
  await left
  expect(refused).toBeInstanceOf(NotEnoughProvidersError)
  expect(String(refused)).toMatch(/run the same (put|command) again/)
  expect(await names()).toEqual([])
  await pool.start([0, 1, 2])
  const { sentBytes } = await put(await fresh(), { sources: [source], target: '/home/' })
  // Two stripes at least were whole but for what the three had not acknowledged yet.
  expect(sentBytes).toBeLessThan(60_000_000 * (5 / 3) - 8_000_000)
  await expectSame(source, '/home/large')
}, 120_000)

test('one full provider of seven: the others take over', async () => {
  await start({ providers: 6 })
  await pool.addProvider(6_000_000)
  const source = await file('large', randomFrom(5).bytes(50_000_000))
  const { safety } = await put(await fresh(), { sources: [source], target: '/home/' })
  expect(safety.survives).toBe(2)
  await expectSame(source, '/home/large')
  const { providers } = await status(await fresh())
  const small = providers.find(({ name }) => name === 'p7')!
  expect(small.used).toBeLessThanOrEqual(small.capacity)
}, 120_000)

test('two full providers of six: narrower stripes on the others', async () => {
  await start({ providers: 4 })
  await pool.addProvider(9_000_000)
  await pool.addProvider(9_000_000)
  const source = await file('large', randomFrom(6).bytes(50_000_000))
  const { safety } = await put(await fresh(), { sources: [source], target: '/home/' })
  expect(safety.survives).toBe(2)
  await expectSame(source, '/home/large')
}, 120_000)

test('a full pool says so, keeps what it has, and takes the rest after a provider was added', async () => {
  await start({ providers: 4, capacity: 16_000_000 })
  const first = await file('first', randomFrom(7).bytes(10_000_000))
  await put(await fresh(), { sources: [first], target: '/home/' })
  const second = await file('second', randomFrom(8).bytes(60_000_000))
  const refused = await put(await fresh(hasty), { sources: [second], target: '/home/' }).catch(
    (error: unknown) => error,
  )
  expect(refused).toBeInstanceOf(CapacityError)
  expect(String(refused)).toContain('the pool is full')
  expect(String(refused)).toContain('add a provider or free space')
  expect(await names()).toEqual(['first'])
  await expectSame(first, '/home/first')
  for (let i = 0; i < 4; i++) await pool.addProvider(200_000_000)
  await put(await fresh(), { sources: [second], target: '/home/' })
  await expectSame(second, '/home/second')
  await expectSame(first, '/home/first')
}, 120_000)

test('providers that refuse, stall or spoil what they are given do not hold up a put', async () => {
  const random = seededRandom()
  await start({ providers: 7 })
  const liar: Liar = { lie: undefined, lies: 0 }
  await pool.start([random.below(7)], liar)
  for (const lie of ['deny-put', 'fail-put'] as const) {
    liar.lie = lie
    liar.lies = 0
    const source = await file(lie, random.bytes(40_000_000))
    const { safety } = await put(await fresh(), { sources: [source], target: '/home/' })
    expect(safety).toEqual({ survives: 2, target: 2, missingShards: 0 })
    expect(liar.lies).toBeGreaterThan(0)
    expect(liar.lies).toBeLessThan(30)
    await expectSame(source, `/home/${lie}`)
  }
  const { problems } = await check(await fresh(), { readData: true })
  expect(problems).toEqual([])
}, 120_000)

test('a line so slow that no shard of a stripe arrives within the wait fails no put', async () => {
  await start({ providers: 3 })
  const source = await file('slow', randomFrom(10).bytes(2_000_000))
  let skipped = 0
  const clock: Clock = { ...nodeClock, monotonic: () => nodeClock.monotonic() + skipped }
  const meddler = new Meddler()
  meddler.delay(putShard, async ({ body }, options) => {
    for (let tenths = 1; tenths < 10; tenths++) {
      // Longer than what waits for progress looks at its clock again.
      await nodeClock.sleep(150)
      skipped += 0.9 * TARGET_WAIT_MS
      options?.onSent?.(Math.floor((body.length * tenths) / 10))
    }
  })
  const client = await pool.client({ clock, wrap: (to) => meddlingTransport(to, undefined, meddler) })
  const { safety } = await put(client, { sources: [source], target: '/home/' })
  expect(safety).toEqual({ survives: 2, target: 2, missingShards: 0 })
  expect(meddler.count).toBeGreaterThanOrEqual(3)
  expect(skipped).toBeGreaterThan(5 * TARGET_WAIT_MS)
})

test('a read that lost too many names them even where no tracker answer is fresh', async () => {
  await start({ providers: 3 })
  const source = await file('file', randomFrom(9).bytes(100_000))
  const client = await fresh()
  await put(client, { sources: [source], target: '/home/' })
  await expectSame(source, '/home/file', client)
  await pool.stop(0, 1, 2)
  const target = path.join(await pool.scratch('late'), 'file')
  const { failed } = await get(client, { sources: ['/home/file'], target, waitMs: 0 })
  expect(failed[0]?.error).toBeInstanceOf(NotEnoughShardsError)
  expect(failed[0]?.error).not.toBeInstanceOf(DeniedError)
  expect(String(failed[0]?.error.facts['providers'])).toBe('p1, p2, p3')
})
