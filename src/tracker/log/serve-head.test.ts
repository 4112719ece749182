import { expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { create, poolWithHome } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { logHead } from '../../core/open/protocol/log-methods.ts'

test('after a start nobody gets a head that no quorum has confirmed; the error says who is missing', async () => {
  const { pool, alice, home } = await poolWithHome()
  await pool.addProviders(alice, 5, (i) => p.ed25519Public(seedOf(`witness ${i}`)))
  await alice.commit(home.id, [create('folder', home.root)])
  pool.tracker.state.log.seal()
  pool.reopen()

  const asked = alice.call(logHead, { from: undefined, covers: undefined }).catch((error: unknown) => error)
  await pool.clock.sleeperAt(5_000)
  pool.clock.advance(5_000)
  expect(await asked).toMatchObject({
    code: 'busy',
    message:
      'the witnesses have not confirmed the newest head yet: providers of 0 operators are up, and it takes 4',
    facts: { up: 0, needed: 4 },
  })
  pool.close()
})
