/** Attacks 10 and 11 with whole trackers: yesterday's copy of the folder starts, and two copies go separate ways. */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { RunningTracker } from '../../src/apps/tracker/start-tracker.ts'
import { startTracker } from '../../src/apps/tracker/start-tracker.ts'
import { ForkedError } from '../../src/core/open/errors.ts'
import { errorOf, names } from '../fixtures/log/log-victim.ts'
import { silent } from '../fixtures/provider-pool.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let trackers: RunningTracker[] = []

afterEach(async () => {
  await pool.close()
  for (const tracker of trackers) await tracker.close()
  trackers = []
})

/** Starts a tracker on a copy of the pool's folder, under the pool's address. */
async function startOn(folder: string): Promise<RunningTracker> {
  const tracker = await startTracker({ folder, listen: pool.tracker.address, logger: silent })
  trackers.push(tracker)
  return tracker
}

async function copyTracker(name: string): Promise<string> {
  const copy = path.join(pool.folder, name)
  await fs.cp(path.join(pool.folder, 'tracker'), copy, { recursive: true })
  return copy
}

test.each([0, 4])(
  'yesterday’s copy of the folder, %i witnesses: it starts, and the next command exits 7',
  async (providers) => {
    pool = await startTestPool({ providers })
    const { alice, tracker } = pool
    await makeFolder(alice, { path: '/home/monday' })
    await names(alice, '/home')
    await alice.close()
    await tracker.close()
    const yesterday = await copyTracker('yesterday')
    const today = await startOn(path.join(pool.folder, 'tracker'))
    const monday = await pool.client()
    await makeFolder(monday, { path: '/home/tuesday' })
    expect(await names(monday, '/home')).toEqual(['monday', 'tuesday'])
    await monday.close()
    await today.close()

    const old = await startOn(yesterday)
    const reading = await pool.client()
    const read = await errorOf(names(reading, '/home'))
    expect(exitCodeOf(read)).toBe(7)
    expect((await fs.stat(read.facts['evidence'] as string)).size).toBeGreaterThan(100)
    await reading.close()
    const writing = await pool.client()
    expect(exitCodeOf(await errorOf(makeFolder(writing, { path: '/home/wednesday' })))).toBe(7)
    await writing.close()
    await old.close()

    // The true one again: nothing was written off for good, for nothing was proven but forgetfulness.
    await startOn(path.join(pool.folder, 'tracker'))
    const again = await pool.client()
    await makeFolder(again, { path: '/home/wednesday' })
    expect(await names(again, '/home')).toEqual(['monday', 'tuesday', 'wednesday'])
  },
)

test('yesterday’s copy, met by a device that has seen no head of what it wrote last: the promise alone tells', async () => {
  pool = await startTestPool({ providers: 4 })
  await names(pool.alice, '/home')
  await pool.alice.close()
  await pool.tracker.close()
  const yesterday = await copyTracker('yesterday')
  const today = await startOn(path.join(pool.folder, 'tracker'))
  const monday = await pool.client()
  const before = (await monday.log.view()).checkpoint.size
  await makeFolder(monday, { path: '/home/monday' })
  const { head, own } = await monday.log.pins()
  expect([head?.size, own.length]).toEqual([before, 1])
  await monday.close()
  await today.close()

  await startOn(yesterday)
  const works = [
    (client: Client) => names(client, '/home'),
    (client: Client) => makeFolder(client, { path: '/home/tuesday' }),
  ]
  for (const work of works) {
    const client = await pool.client()
    const error = await errorOf(work(client))
    expect(exitCodeOf(error)).toBe(7)
    expect((await fs.stat(error.facts['evidence'] as string)).size).toBeGreaterThan(100)
    await client.close()
  }
})

test('two copies that go separate ways: who has seen one and meets the other freezes, with proof', async () => {
  pool = await startTestPool({ providers: 0 })
  const other = await pool.device('laptop')
  await names(pool.alice, '/home')
  await names(other, '/home')
  await pool.alice.close()
  await other.close()
  await pool.tracker.close()
  const second = await copyTracker('second')

  const one = await startOn(path.join(pool.folder, 'tracker'))
  const alice = await pool.client()
  await makeFolder(alice, { path: '/home/seen-by-alice' })
  await names(alice, '/home')
  const mine = (await alice.log.pins()).head!
  await alice.close()
  await one.close()

  const two = await startOn(second)
  const laptop = await pool.reopen(other)
  for (const name of ['a', 'b', 'c']) await makeFolder(laptop, { path: `/home/seen-by-laptop-${name}` })
  await names(laptop, '/home')
  // They compare heads by themselves …
  const met = await errorOf(laptop.log.meet(mine.note))
  expect(exitCodeOf(met)).toBe(7)
  await laptop.close()
  // … or one of them comes to the other's tracker.
  const moved = await pool.client()
  const error = await errorOf(names(moved, '/home'))
  expect(exitCodeOf(error)).toBe(7)
  expect(error).toBeInstanceOf(ForkedError)
  expect(await errorOf(makeFolder(moved, { path: '/home/x' }))).toBeInstanceOf(ForkedError)
  await moved.close()
  // Another day, the same home: it stays so.
  const later = await pool.client()
  expect(await errorOf(makeFolder(later, { path: '/home/x' }))).toBeInstanceOf(ForkedError)
  await later.close()
  await two.close()
})
