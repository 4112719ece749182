/** What a put that was killed left with providers is freed after its lease, and nothing else is. */
import * as fs from 'node:fs'
import { expect, it } from 'vitest'
import type { CheckResult } from '../../src/client/operations/check.ts'
import type { PutResult } from '../../src/client/operations/put.ts'
import { ProcessPool, providersUpIn, usedIn } from '../fixtures/processes/process-pool.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { startPut } from '../fixtures/processes/start-put.ts'

const PROVIDERS = 4
const LEASE_SECONDS = 4

it('frees the shards of a put that was killed and not run again, after the lease', async () => {
  await using pool = await ProcessPool.start({ providers: PROVIDERS, lease: LEASE_SECONDS })
  const random = seededRandom()
  const used = (wanted: (bytes: number) => boolean): Promise<number> =>
    pool.statusUntil((status) => {
      const bytes = usedIn(status)
      return providersUpIn(status) === PROVIDERS && wanted(bytes) ? bytes : undefined
    })
  const kept = pool.at('kept')
  fs.writeFileSync(kept, random.bytes(3_000_000))
  const { sentBytes } = await pool.json<PutResult>('put', kept, '/home/')
  const before = await used((bytes) => bytes >= sentBytes)

  // One file: nothing of it is committed before all of it arrived.
  const given = pool.at('given')
  fs.writeFileSync(given, random.bytes(60_000_000))
  const { command, reached } = startPut(pool, given)
  await reached(20_000_000)
  command.child.kill('SIGKILL')
  expect((await command.finished).code).toBeNull()
  await used((bytes) => bytes > before)
  await used((bytes) => bytes === before)
  expect((await pool.run('cat', '/home/kept')).bytes.equals(fs.readFileSync(kept))).toBe(true)
  expect((await pool.run('stat', '/home/given')).code).toBe(3)

  // The journal still plans stripes that are gone: they are sent again.
  const again = await pool.json<PutResult>('put', given, '/home/')
  expect(again.sentBytes).toBeGreaterThan(2 * 60_000_000)
  expect((await pool.run('cat', '/home/given')).bytes.equals(fs.readFileSync(given))).toBe(true)
  const { problems, healthy, stripes } = await pool.json<CheckResult>('check', '--read-data')
  expect({ problems, healthy }).toEqual({ problems: [], healthy: stripes })
})
