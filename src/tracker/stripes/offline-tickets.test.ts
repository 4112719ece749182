import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { poolWithHome } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { DeniedError } from '../../core/open/errors.ts'
import { MAX_OFFLINE_TICKET_SECONDS, offlineTicketCodec } from '../../core/open/objects/offline-ticket.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { offlineTickets } from '../../core/open/protocol/tracker-methods.ts'

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, alice, home } = await poolWithHome()))
afterEach(() => pool.close())

const net = ({ name }: TestMember) => nodePrimitives.ed25519Public(seedOf(`${name} laptop net`))

const open = (ticket: Signed) => {
  const logKey = nodePrimitives.ed25519Public(pool.logSeed)
  return openSigned(nodePrimitives, 'offline-ticket', pool.pool, logKey, offlineTicketCodec, ticket)
}

test('a device gets one for each space whose contents its member may read, good for a week', async () => {
  const second = await alice.createSpace('second')
  const { tickets } = await alice.call(offlineTickets, {})
  expect(tickets.map(([space]) => toHex(space))).toEqual([home, second].map(({ id }) => toHex(id)))
  for (const [space, ticket] of tickets) {
    const notAfter = Math.floor(pool.clock.now() / 1_000) + MAX_OFFLINE_TICKET_SECONDS
    const { holder, ...terms } = open(ticket)
    expect([terms.space, holder].map(toHex)).toEqual([space, net(alice)].map(toHex))
    expect(terms.notAfter).toBe(notAfter)
  }
  const bob = await pool.join(alice, 'bob')
  expect(await bob.call(offlineTickets, {})).toEqual({ tickets: [] })
})

test('none is good for longer than the certificate of its device', async () => {
  const { notAfter } = pool.store.read((tables) => tables.members.deviceByNet(net(alice))!)
  pool.clock.advance((notAfter - 3_600) * 1_000 - pool.clock.now())
  const { tickets } = await alice.call(offlineTickets, {})
  expect(open(tickets[0]![1]).notAfter).toBe(notAfter)
  pool.clock.advance(3_601_000)
  await expect(alice.call(offlineTickets, {})).rejects.toThrow(DeniedError)
  const stranger = pool.channel(nodePrimitives.ed25519Public(seedOf('stranger')))
  await expect(stranger.call(offlineTickets, {})).rejects.toThrow(DeniedError)
})
