/** The whole promise at once: a large mixed tree goes in, two providers are killed with -9, the tree comes out identical. */
import { expect, test } from 'vitest'
import type { PutResult } from '../../src/client/operations/put.ts'
import { differences, makeMixedTree, recordTree, sizeOf } from '../fixtures/mixed-tree.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

test('300 MB as alice, two of six providers killed, and everything comes out as it was', async () => {
  await using pool = await ProcessPool.start({ restart: 'never', members: 'alice,bob' })
  const random = seededRandom()
  makeMixedTree(pool.at('tree'), random, { large: 56, small: 2_500 })
  const before = recordTree(pool.at('tree'))
  expect(sizeOf(before)).toBeGreaterThan(250_000_000)
  const { problems, safety } = await pool.json<PutResult>('put', pool.at('tree'), '/home/')
  expect({ problems, safety }).toEqual({ problems: [], safety: { survives: 2, target: 2, missingShards: 0 } })

  const first = 1 + random.below(6)
  const second = 1 + ((first + random.below(5)) % 6)
  await pool.kill(first, second)
  const { code, stderr } = await pool.run('get', '/home/tree', pool.at('out'))
  expect(code, stderr).toBe(0)
  expect(differences(before, recordTree(pool.at('out')))).toEqual([])
})
