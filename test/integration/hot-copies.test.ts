/** A file that many read is served by more providers than store it, for as long as it is read; none of that counts as safety. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { check } from '../../src/client/check.ts'
import type { Client } from '../../src/client/client.ts'
import { get } from '../../src/client/get.ts'
import { put } from '../../src/client/put.ts'
import { status } from '../../src/client/status.ts'
import { HEAT_HALF_LIFE_MS } from '../../src/provider/copies/heat.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { SkippingClock } from '../fixtures/skipping-clock.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** A stripe of two data and two parity shards is at the first four, and copies of the data shards are at the others. */
const HOLDERS = [0, 1, 2, 3]
const COPIERS = [4, 5]
/** Long enough on a busy machine. */
const PATIENCE = { timeout: 30_000, interval: 100 }

const clock = new SkippingClock()
const film = randomFrom(7).bytes(2_000_000)
let pool: TestPool
let phone: Client
let reads = 0
beforeAll(async () => {
  pool = await startTestPool({ providers: HOLDERS.length, clock })
  const source = path.join(await pool.scratch('in'), 'film')
  fs.writeFileSync(source, film)
  expect((await put(pool.alice, { sources: [source], target: '/home/' })).problems).toEqual([])
  for (let i = 0; i < COPIERS.length; i++) await pool.addProvider()
  phone = await pool.device('phone')
})
afterAll(() => pool.close())

async function readBy(client: Client) {
  const target = path.join(await pool.scratch(`out ${reads++}`), 'film')
  const result = await get(client, { sources: ['/home/film'], target })
  expect(result.failed).toEqual([])
  expect(Buffer.compare(fs.readFileSync(target), film)).toBe(0)
  return result
}

const copies = async () => (await status(pool.alice)).providers.map(({ copies }) => copies)
const copyFolder = (place: number) => path.join(path.dirname(pool.shardsOf(place)), 'copies')

test('a file that two devices read again and again is copied, read from the copies alone, and they go when nobody reads it', async () => {
  for (let i = 0; i < 5; i++) for (const client of [pool.alice, phone]) await readBy(client)
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 1, 1])

  await pool.stop(...HOLDERS)
  expect((await status(pool.alice)).stripes).toMatchObject({ healthy: 0, lost: 1 })
  expect(await check(await pool.client())).toMatchObject({ lost: 1, healthy: 0 })
  for (const client of [await pool.client(), phone]) expect((await readBy(client)).damagedShards).toBe(0)

  await pool.start(HOLDERS)
  await expect.poll(async () => (await status(pool.alice)).stripes.healthy, PATIENCE).toBe(1)
  // A provider that starts anew has none, and nobody is sent there for one.
  const [restarted, kept] = COPIERS as [number, number]
  expect([restarted, kept].map((place) => fs.existsSync(copyFolder(place)))).toEqual([true, true])
  await pool.start([restarted])
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 0, 1])
  expect(fs.existsSync(copyFolder(restarted))).toBe(false)

  clock.skip(3 * HEAT_HALF_LIFE_MS)
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 0, 0])
  expect(fs.existsSync(copyFolder(kept))).toBe(false)
  expect((await readBy(await pool.client())).damagedShards).toBe(0)
  expect(await check(await pool.client())).toMatchObject({ healthy: 1, problems: [], files: [] })
}, 120_000)
