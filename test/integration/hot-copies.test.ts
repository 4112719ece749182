/** A file that many read is served by more providers than store it, for as long as it is read; none of that counts as safety. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { check } from '../../src/client/operations/check.ts'
import type { Client } from '../../src/client/client.ts'
import { get } from '../../src/client/operations/get.ts'
import { put } from '../../src/client/operations/put.ts'
import { status } from '../../src/client/operations/status.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import { NotFoundError } from '../../src/core/open/errors.ts'
import { readShard } from '../../src/core/open/protocol/provider-methods.ts'
import type { Damage } from '../../src/core/open/protocol/tracker-methods.ts'
import { DAMAGE_MISSING, listStripes, reportDamage } from '../../src/core/open/protocol/tracker-methods.ts'
import { HEAT_HALF_LIFE_MS } from '../../src/provider/copies/heat.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { SkippingClock } from '../fixtures/skipping-clock.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** A stripe of two data and two parity shards is at the first four, and copies of the data shards are at the others. */
const HOLDERS = [0, 1, 2, 3]
const COPIERS = [4, 5] as const
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

test('a file that two devices read again and again is copied; what is safe goes by its shards alone', async () => {
  for (let i = 0; i < 5; i++) for (const client of [pool.alice, phone]) await readBy(client)
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 1, 1])
  expect(COPIERS.map((place) => fs.existsSync(copyFolder(place)))).toEqual([true, true])
  await pool.stop(...HOLDERS)
  expect((await status(pool.alice)).stripes).toMatchObject({ healthy: 0, lost: 1 })
  expect(await check(await pool.client())).toMatchObject({ lost: 1, healthy: 0 })
  // And yet it can be read.
  for (const client of [await pool.client(), phone]) expect((await readBy(client)).damagedShards).toBe(0)
  await pool.start(HOLDERS)
  await expect.poll(async () => (await status(pool.alice)).stripes.healthy, PATIENCE).toBe(1)
}, 120_000)

test('a copy with wrong bytes goes, one that is gone is told to the tracker, and nobody thinks that the file is damaged', async () => {
  const { space } = await pool.alice.trees.resolve('/home')
  const { stripes } = await pool.alice.tracker.call(listStripes, { space: space.id })
  // With the holders of the data away, the copies are read first, and parity helps where one is wrong.
  const away = stripes[0]!.holders.filter(([index]) => index < 2).map(([, id]) => toHex(id))
  const places = HOLDERS.filter((place) => away.includes(toHex(pool.providers[place]!.id)))
  await pool.stop(...places)
  const [gone, deaf] = [new Meddler(), new Meddler()]
  const other = pool.providers[COPIERS[1]]!.id
  gone.onBytes(readShard, () => {
    throw new NotFoundError('this copy is not kept any more')
  })
  const told: Damage[] = []
  deaf.on(reportDamage, ({ damaged }) => {
    told.push(...damaged)
    return {}
  })
  const late = await pool.client({
    wrap: (transport) =>
      meddlingTransport(meddlingTransport(transport, other, gone), pool.tracker.peerId, deaf),
  })
  expect((await readBy(late)).damagedShards).toBe(0)
  expect(told.map(({ provider, what }) => [toHex(provider), what])).toEqual([[toHex(other), DAMAGE_MISSING]])

  const meddler = new Meddler()
  meddler.onBytes(readShard, ({ head, body }) => ({ head, body: new Uint8Array(body.length) }))
  const wrong = pool.providers[COPIERS[0]]!.id
  const victim = await pool.client({ wrap: (transport) => meddlingTransport(transport, wrong, meddler) })
  expect((await readBy(victim)).damagedShards).toBe(1)
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 0, 1])
  await expect.poll(() => fs.existsSync(copyFolder(COPIERS[0])), PATIENCE).toBe(false)
  expect((await status(pool.alice)).damaged).toEqual([])
  await pool.start(places)
  await expect.poll(async () => (await status(pool.alice)).stripes.healthy, PATIENCE).toBe(1)
}, 120_000)

test('what is read no longer is dropped, and so is what a killed provider kept', async () => {
  const [killed] = COPIERS
  await pool.stop(killed)
  fs.mkdirSync(path.join(copyFolder(killed), 'segments'), { recursive: true })
  fs.writeFileSync(path.join(copyFolder(killed), 'segments', 'half-written'), 'x')
  await pool.start([killed])
  expect(fs.existsSync(copyFolder(killed))).toBe(false)
  // Of some dozen reads less than one counts then.
  clock.skip(5 * HEAT_HALF_LIFE_MS)
  await expect.poll(copies, PATIENCE).toEqual([0, 0, 0, 0, 0, 0])
  expect(COPIERS.map((place) => fs.existsSync(copyFolder(place)))).toEqual([false, false])
  expect((await readBy(await pool.client())).damagedShards).toBe(0)
  expect(await check(await pool.client())).toMatchObject({ healthy: 1, problems: [], files: [] })
}, 120_000)
