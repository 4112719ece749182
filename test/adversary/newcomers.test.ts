/** A tracker that wants somebody of its own to be let in under a member's invite, whose secret it doesn't have. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { admitMembers } from '../../src/client/membership/admit-members.ts'
import { admitCodec } from '../../src/core/open/objects/identity.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import type { Newcomer } from '../fixtures/newcomer.ts'
import { newcomer } from '../fixtures/newcomer.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let tracker: Meddler
let client: Client
let bob: Newcomer
let mallory: Newcomer
/** What the client has signed. */
let admitted: Uint8Array[]

beforeEach(async () => {
  pool = await startTestPool({ providers: 0 })
  tracker = new Meddler()
  client = await pool.client({
    wrap: (transport) => meddlingTransport(transport, pool.tracker.peerId, tracker),
  })
  bob = await newcomer(client.identity.pool, 'bob')
  mallory = await newcomer(client.identity.pool, 'mallory')
  admitted = []
  tracker.on(methods.admitMember, ({ admit }) => {
    admitted.push(admitCodec.decode(admit[0]).member)
    return {}
  })
})
afterEach(() => pool.close())

type Waiting = Pick<Newcomer, 'invite' | 'mac' | 'record'>

const admitBob = (waiting: Waiting) => {
  tracker.on(methods.pendingMembers, () => ({ pending: [waiting] }))
  return admitMembers(client, [bob.secret])
}

test('who shows the secret is admitted', async () => {
  const done = await admitBob(bob)
  expect(done.map(({ name }) => name)).toEqual(['bob'])
  expect(admitted).toEqual([bob.id])
})

test('another record under the invite, with what the tracker has seen or made', async () => {
  for (const waiting of [
    { ...mallory, invite: bob.invite },
    { ...mallory, invite: bob.invite, mac: bob.mac },
    { ...bob, mac: mallory.mac },
    mallory,
  ])
    expect(await admitBob(waiting)).toEqual([])
  expect(admitted).toEqual([])
})

test('a record that its key did not sign, though the secret is right', async () => {
  const signature = bob.record[1].slice()
  signature[9]! ^= 1
  await expect(admitBob({ ...bob, record: [bob.record[0], signature] })).rejects.toMatchObject({
    code: 'untrusted',
  })
  expect(admitted).toEqual([])
})
