import * as fs from 'node:fs'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import type { TrackerPool } from '../../test/fixtures/tracker/tracker-pool.ts'
import {
  contents,
  create,
  move,
  nodeOf,
  remove,
  testStripe,
  poolWithHome,
} from '../../test/fixtures/tracker/tracker-pool.ts'
import { toHex } from '../core/open/bytes.ts'
import * as methods from '../core/open/protocol/tracker-methods.ts'
import { openSqliteTrackerStore } from '../adapters/sqlite/sqlite-tracker-store.ts'

/** Every byte that the log keeps. */
function logOf(pool: Pick<TrackerPool, 'store'>): unknown {
  return pool.store.read(({ log }) =>
    Array.from({ length: log.size() }, (_, index) => {
      const entry = log.entry(index)!
      return {
        ...entry,
        body: toHex(entry.body),
        signatures: toHex(entry.signatures),
        changes: log.changes(index).map(toHex),
      }
    }),
  )
}

async function grown(): Promise<{
  pool: TrackerPool
  answers: () => Promise<unknown>
  operation: () => Promise<unknown>
}> {
  const { pool, alice, home } = await poolWithHome()
  await pool.addProviders(alice, 4)
  const made = testStripe('s', 2, 4)
  await pool.storeStripe(alice, home, made)
  const folder = create('folder', home.root)
  const file = create('file', home.root, contents([made.blobs[0]![0]]))
  const gone = create('gone', home.root)
  await alice.commit(home.id, [folder, file, gone])
  await alice.commit(home.id, [
    move(nodeOf(file, undefined), nodeOf(folder, undefined)),
    remove(nodeOf(gone, undefined)),
  ])
  return {
    pool,
    answers: async () => {
      for (const provider of pool.providers) await provider.report()
      return [
        await alice.call(methods.deviceState, {}),
        await alice.call(methods.listSpaces, {}),
        await alice.call(methods.listChildren, { space: home.id, node: home.root.id }),
        await alice.call(methods.listChildren, { space: home.id, node: folder.node }),
        await alice.call(methods.hasBlobs, { space: home.id, blobs: made.blobs.map(([blob]) => blob) }),
        await alice.call(methods.poolStatus, {}),
        (await alice.call(methods.locateBlobs, { space: home.id, blobs: made.blobs.map(([blob]) => blob) }))
          .places,
      ]
    },
    operation: () => alice.commit(home.id, [create('after', home.root)]),
  }
}

test('a tracker that is opened again answers the same, from the same bytes', async () => {
  const { pool, answers, operation } = await grown()
  const [before, log] = [await answers(), logOf(pool)]
  pool.reopen()
  expect(await answers()).toEqual(before)
  expect(logOf(pool)).toEqual(log)
  await operation()
  pool.close()
})

test('the log alone, byte for byte, is what the signers signed, in order, with time that never falls', async () => {
  const { pool } = await grown()
  const entries = pool.store.read(({ log }) => Array.from({ length: log.size() }, (_, i) => log.entry(i)!))
  expect(entries.map(({ kind }) => kind)).toEqual([0, 1, 2, 6, 4, 5, 4, 5, 4, 5, 4, 5, 6, 6])
  expect(entries.every(({ index }, i) => index === i)).toBe(true)
  expect(entries.every(({ time }, i) => i === 0 || time >= entries[i - 1]!.time)).toBe(true)
  expect(
    entries.every(({ kind, signatures }) => signatures.length === (kind === 0 ? 0 : kind === 2 ? 128 : 64)),
  ).toBe(true)
  pool.close()
})

test('the files of a tracker that was not closed hold what it answered', async () => {
  const { pool, operation } = await grown()
  await operation()
  const log = logOf(pool)
  // No more than the kernel holds of a process that is killed now.
  const left = fs.mkdtempSync(path.join(pool.folder, 'left-'))
  for (const name of ['tracker.db', 'tracker.db-wal'])
    fs.copyFileSync(path.join(pool.folder, name), path.join(left, name))
  const store = openSqliteTrackerStore(path.join(left, 'tracker.db'))
  expect(logOf({ store })).toEqual(log)
  store.close()
  pool.close()
})
