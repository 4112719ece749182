import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import {
  contents,
  create,
  blobIds,
  testStripe,
  poolWithHome,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { CapacityError, ConflictError, DeniedError, NotEnoughProvidersError } from '../../core/open/errors.ts'
import { TICKET_WRITE, TICKET_WRITE_PARITY } from '../../core/open/objects/ticket.ts'
import { SKIPPED, placementDrawCodec } from '../../core/open/placement/placement.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { LEASE_GRACE_MS } from './expire-leases.ts'

const LEASE_MS = 3_600_000

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, alice, home } = await poolWithHome(LEASE_MS)))
afterEach(() => pool.close())

test('a stripe is placed once on different providers, with a write ticket for each that names one shard', async () => {
  await pool.addProviders(alice, 8)
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  expect(new Set(placed.shards.map(([, id]) => toHex(id))).size).toBe(6)
  expect(placed.narrow).toBe(false)
  for (const [index, id] of placed.shards) {
    const named = placed.tickets.find(([to]) => equalBytes(to, id))!
    const ticket = pool.openTicket(named[1])
    expect(ticket.kind).toBe(index < 4 ? TICKET_WRITE : TICKET_WRITE_PARITY)
    expect(toHex(ticket.holder)).toBe(toHex(alice.channel.peerKey))
    expect(ticket.shards).toEqual([[...made.stripe.shards[index]!, made.id[0]]])
    expect(ticket.notAfter).toBe(Math.floor(pool.clock.now() / 1_000) + 900)
  }
  const again = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  const order = ({ shards }: methods.PlacementAnswer) =>
    shards.map(([index, id]) => `${index} ${toHex(id)}`).toSorted()
  expect(order(again)).toEqual(order(placed))
})

test('a failed provider is replaced, the same request gives the same answer, and it frees what it may have', async () => {
  await pool.addProviders(alice, 8)
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  const [index, failed] = placed.shards[0]!
  const request = { stripe: made.id, index, failed: [failed] }
  const replaced = await alice.call(methods.replaceShard, request)
  expect(replaced.shards.length).toBe(1)
  const [, other] = replaced.shards[0]!
  expect(placed.shards.some(([, id]) => equalBytes(id, other))).toBe(false)
  expect((await alice.call(methods.replaceShard, request)).shards).toEqual(replaced.shards)
  const stored = [...placed.shards.slice(1), replaced.shards[0]!]
  await expect(
    alice.call(methods.sealStripe, { stripe: made.id, stored: [[index, failed]], blobs: made.blobs }),
  ).rejects.toBeInstanceOf(ConflictError)
  await alice.call(methods.sealStripe, { stripe: made.id, stored, blobs: made.blobs })
  await alice.commit(home.id, [create('file', home.root, contents(blobIds(made)))])
  const { present } = await alice.call(methods.hasBlobs, { space: home.id, blobs: blobIds(made) })
  expect(new Set(present)).toEqual(new Set([true]))
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await pool.provider(failed).report()
  expect((await pool.provider(failed).report()).free).toEqual([made.stripe.shards[index]![0]])
  expect((await pool.provider(other).report()).free).toEqual([])
})

test('how shards came to their places is in the answer and can be asked for later: drawn, skipped for what, replaced', async () => {
  const nodes = await pool.addProviders(alice, 9)
  const bob = await pool.join(alice, 'bob')
  await nodes[3]!.die()
  await nodes[4]!.report({ capacity: 10_000_000, used: 9_999_000 })
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  const decode = (draws: readonly Uint8Array[]) => draws.map((draw) => placementDrawCodec.decode(draw))
  const [draw] = decode(placed.draws)
  expect(draw!.block).toBeUndefined()
  expect(draw!.skipped.map(([id, why]) => [toHex(id), why])).toEqual([[toHex(nodes[3]!.id), SKIPPED.down]])
  expect(draw!.chosen.map(toHex)).toEqual(placed.shards.map(([, id]) => toHex(id)))
  expect(draw!.chosen.map(toHex)).not.toContain(toHex(nodes[4]!.id))
  expect(await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })).toMatchObject({
    draws: placed.draws,
  })
  const [index, failed] = placed.shards[2]!
  const replaced = await alice.call(methods.replaceShard, { stripe: made.id, index, failed: [failed] })
  const [again] = decode(replaced.draws)
  expect(again).toMatchObject({ attempt: 1, indices: [index] })
  expect(again!.skipped.filter(([, why]) => why === SKIPPED.excluded)).toHaveLength(6)
  expect(again!.held).toHaveLength(5)
  const stripes = [seedOf('unknown'), made.id]
  const asked = await alice.call(methods.stripeDraws, { space: home.id, stripes })
  expect(asked.draws).toEqual([[], [...placed.draws, ...replaced.draws]])
  await expect(bob.call(methods.stripeDraws, { space: home.id, stripes })).rejects.toBeInstanceOf(DeniedError)
})

test('a replaced provider that is down comes back into play when nobody else is left', async () => {
  await pool.addProviders(alice, 4)
  const made = testStripe('s', 2, 4)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  const [index, id] = placed.shards[2]!
  await pool.provider(id).die()
  const request = { stripe: made.id, index, failed: [] }
  await expect(alice.call(methods.replaceShard, request)).rejects.toBeInstanceOf(NotEnoughProvidersError)
  await pool.provider(id).report()
  expect((await alice.call(methods.replaceShard, request)).shards).toEqual([[index, id]])
})

test('too few providers, and too little room, are told apart', async () => {
  const nodes = await pool.addProviders(alice, 5)
  const six = testStripe('s', 4, 6)
  await expect(
    alice.call(methods.placeStripe, { space: home.id, stripe: six.stripe }),
  ).rejects.toBeInstanceOf(NotEnoughProvidersError)
  nodes.push(...(await pool.addProviders(alice, 1)))
  await nodes[0]!.report({ capacity: 10_000_000, used: 9_999_000 })
  await expect(
    alice.call(methods.placeStripe, { space: home.id, stripe: six.stripe }),
  ).rejects.toBeInstanceOf(CapacityError)
})

test('bytes of leased shards are counted until they are stored or the lease is over', async () => {
  const nodes = await pool.addProviders(alice, 3)
  const room = { capacity: 1_600_000, used: 0 }
  const report = () => Promise.all(nodes.map((node) => node.report(room)))
  await report()
  const [first, second] = [testStripe('first', 1, 3, 1_000), testStripe('second', 1, 3, 1_000)]
  await alice.call(methods.placeStripe, { space: home.id, stripe: first.stripe })
  const place = () => alice.call(methods.placeStripe, { space: home.id, stripe: second.stripe })
  await expect(place()).rejects.toBeInstanceOf(CapacityError)
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await report()
  await place()
})
