import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type {
  TestMember,
  TestSpace,
  TestStripe,
  TrackerPool,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import {
  contents,
  create,
  nodeOf,
  blobIds,
  testStripe,
  write,
  poolWithHome,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import {
  ConflictError,
  DeniedError,
  MalformedError,
  NotEnoughProvidersError,
  NotFoundError,
} from '../../core/open/errors.ts'
import { TICKET_READ } from '../../core/open/objects/ticket.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { encodePublicList } from '../../core/open/blobs/public-list.ts'
import { LEASE_GRACE_MS } from './expire-leases.ts'

const LEASE_MS = 3_600_000

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, alice, home } = await poolWithHome(LEASE_MS)))
afterEach(() => pool.close())

const has = async (made: TestStripe, by = alice) => {
  const { present } = await by.call(methods.hasBlobs, { space: home.id, blobs: blobIds(made) })
  return new Set(present)
}
const commitFile = (label: string, blobs: readonly Uint8Array[]) =>
  alice.commit(home.id, [create(label, home.root, contents(blobs))])
const reportAll = () => Promise.all(pool.providers.map((node) => node.report()))

test('blobs count as present for their member once sealed, and for the space once committed', async () => {
  await pool.addProviders(alice, 6)
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  expect(await has(made)).toEqual(new Set([false]))
  await expect(commitFile('early', blobIds(made))).rejects.toBeInstanceOf(NotFoundError)
  const seal = (count: number) =>
    alice.call(methods.sealStripe, {
      stripe: made.id,
      stored: placed.shards.filter(([index]) => index < count),
      blobs: made.blobs,
    })
  await seal(4)
  await expect(commitFile('below happy', blobIds(made))).rejects.toBeInstanceOf(NotFoundError)
  await seal(5)
  expect(await has(made)).toEqual(new Set([false]))
  await commitFile('happy', blobIds(made).slice(0, 1))
  expect(await has(made)).toEqual(new Set([false]))
  await seal(6)
  expect(await has(made)).toEqual(new Set([true]))
  const status = await alice.call(methods.poolStatus, {})
  expect(status).toMatchObject({ uniqueBytes: 1_000, healthy: 1, degraded: 0, atRisk: 0, lost: 0 })
  expect(status.storedBytes).toBe(made.stripe.shards.reduce((sum, [, bytes]) => sum + bytes, 0))
})

test('a stripe’s state follows its providers, and a duplicate is taken from a whole stripe only', async () => {
  await pool.addProviders(alice, 6)
  const made = testStripe('s', 4, 6)
  const placed = await pool.storeStripe(alice, home, made)
  await commitFile('file', blobIds(made))
  const state = async () => {
    const { healthy, degraded, atRisk, lost } = await alice.call(methods.poolStatus, {})
    return [healthy, degraded, atRisk, lost]
  }
  expect(await state()).toEqual([1, 0, 0, 0])
  await pool.provider(placed.shards[0]![1]).die()
  expect(await state()).toEqual([0, 1, 0, 0])
  expect(await has(made)).toEqual(new Set([false]))
  await pool.provider(placed.shards[1]![1]).die()
  expect(await state()).toEqual([0, 0, 1, 0])
  await pool.provider(placed.shards[2]![1]).die()
  expect(await state()).toEqual([0, 0, 0, 1])
  await reportAll()
  expect(await state()).toEqual([1, 0, 0, 0])
  pool.clock.advance(3_000)
  expect(await state()).toEqual([0, 0, 0, 1])
  await reportAll()
  expect(await has(made)).toEqual(new Set([true]))
})

test('damage is listed, makes the stripe less than whole, and is over when the shard is stored again', async () => {
  await pool.addProviders(alice, 6)
  const bob = await pool.join(alice, 'bob')
  const made = testStripe('s', 4, 6)
  const placed = await pool.storeStripe(alice, home, made)
  await commitFile('file', blobIds(made))
  const [index, id] = placed.shards[0]!
  const shard = made.stripe.shards[index]![0]
  const damaged = [{ provider: id, shard, found: pool.clock.now() + 1_000_000, what: 0 as const }]
  await bob.call(methods.reportDamage, { damaged })
  expect((await alice.call(methods.poolStatus, {})).damaged).toEqual([])
  await alice.call(methods.reportDamage, { damaged })
  const found = pool.clock.now()
  expect((await alice.call(methods.poolStatus, {})).damaged).toEqual([
    { provider: id, shard, found, what: 0 },
  ])
  expect(await has(made)).toEqual(new Set([false]))
  const again = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  await alice.call(methods.sealStripe, { stripe: made.id, stored: again.shards, blobs: made.blobs })
  expect((await alice.call(methods.poolStatus, {})).damaged).toEqual([])
  await pool.provider(id).report({ damaged: [[shard, 1]] })
  expect((await alice.call(methods.poolStatus, {})).damaged).toMatchObject([{ what: 1 }])
})

test('located blobs come with their stripe, its holders and a read ticket for each', async () => {
  await pool.addProviders(alice, 7)
  const made = testStripe('s', 4, 6)
  const placed = await pool.storeStripe(alice, home, made)
  await commitFile('file', blobIds(made))
  await pool.provider(placed.shards[0]![1]).die()
  const answer = await alice.call(methods.locateBlobs, {
    space: home.id,
    blobs: [...blobIds(made), seedOf('unknown')],
  })
  expect(answer.looked).toBeUndefined()
  expect(
    answer.places.map(([blob, stripe, index, offset, length]) => [
      toHex(blob),
      stripe,
      index,
      offset,
      length,
    ]),
  ).toEqual(made.blobs.map(([blob, index, offset, length]) => [toHex(blob), 0, index, offset, length]))
  expect(answer.stripes[0]!.holders.map(([, , good]) => good).filter(Boolean).length).toBe(5)
  expect(answer.tickets.length).toBe(6)
  for (const [id, signed] of answer.tickets) {
    const ticket = pool.openTicket(signed)
    expect(ticket.kind).toBe(TICKET_READ)
    expect([ticket.provider, ticket.holder].map(toHex)).toEqual([id, alice.channel.peerKey].map(toHex))
    const [index] = placed.shards.find(([, to]) => equalBytes(to, id))!
    expect(ticket.shards).toEqual([[...made.stripe.shards[index]!, made.id[0]]])
  }
  const all = await alice.call(methods.listStripes, { space: home.id })
  expect(all.stripes.map((view) => toHex(view.id))).toEqual([toHex(made.id)])
  expect(all.cursor).toBeUndefined()
})

test('of several places of a blob the healthiest is given', async () => {
  await pool.addProviders(alice, 6)
  const first = testStripe('first', 1, 3, 1)
  const placed = await pool.storeStripe(alice, home, first)
  await commitFile('file', blobIds(first))
  await pool.provider(placed.shards[0]![1]).die()
  const second = { ...testStripe('second', 1, 3, 1), blobs: first.blobs }
  await pool.storeStripe(alice, home, second)
  await commitFile('again', blobIds(first))
  const { stripes } = await alice.call(methods.locateBlobs, { space: home.id, blobs: blobIds(first) })
  const holders = stripes[0]!.holders.filter(([, , good]) => good)
  expect(holders.length).toBe(3)
  expect((await alice.call(methods.poolStatus, {})).uniqueBytes).toBe(1_000)
})

test('a stripe that holds again what versions name already outlives its lease', async () => {
  await pool.addProviders(alice, 6)
  const first = testStripe('first', 1, 3, 1)
  await pool.storeStripe(alice, home, first)
  await commitFile('file', blobIds(first))
  const again = { ...testStripe('again', 1, 3, 1), blobs: first.blobs }
  const other = testStripe('other', 1, 3, 1)
  await pool.storeStripe(alice, home, again)
  await pool.storeStripe(alice, home, other)
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await reportAll()
  const { stripes } = await alice.call(methods.listStripes, { space: home.id })
  expect(stripes.map(({ id }) => toHex(id)).sort()).toEqual([first.id, again.id].map(toHex).sort())
  for (const node of pool.providers) {
    const { free } = await node.report()
    expect(free.every((shard) => other.stripe.shards.some(([id]) => equalBytes(id, shard)))).toBe(true)
  }
})

test('after its lease a stripe is dropped and its shards are freed, asked for until confirmed', async () => {
  const nodes = await pool.addProviders(alice, 3)
  const made = testStripe('s', 1, 3)
  await pool.storeStripe(alice, home, made)
  pool.clock.advance(LEASE_MS)
  await reportAll()
  expect(await has(made)).toEqual(new Set([true]))
  pool.clock.advance(LEASE_GRACE_MS + 1)
  await reportAll()
  expect(await has(made)).toEqual(new Set([false]))
  const frees = await nodes[0]!.report()
  expect(frees.free.length).toBe(1)
  expect((await nodes[0]!.report()).free).toEqual(frees.free)
  // While a provider has still to free a shard it isn't asked to store it.
  const place = () => alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  await expect(place()).rejects.toBeInstanceOf(NotEnoughProvidersError)
  for (const node of nodes) {
    const { free } = await node.report()
    expect((await node.report({ freed: free })).free).toEqual([])
  }
  await place()
  await expect(commitFile('late', blobIds(made))).rejects.toBeInstanceOf(NotFoundError)
})

test('a stripe with one committed blob stays, and a shard that another stripe needs is not freed', async () => {
  const nodes = await pool.addProviders(alice, 3)
  const kept = testStripe('kept', 1, 3)
  await pool.storeStripe(alice, home, kept)
  await commitFile('file', blobIds(kept).slice(0, 1))
  const shared = { ...kept.stripe, n: 2, shards: kept.stripe.shards.slice(0, 2) }
  await alice.call(methods.placeStripe, { space: home.id, stripe: shared })
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await reportAll()
  expect(await has(kept)).toEqual(new Set([true]))
  const placed = await alice.call(methods.listStripes, { space: home.id })
  const holders = new Map(placed.stripes[0]!.holders.map(([index, id]) => [toHex(id), index]))
  for (const node of nodes) {
    const { free } = await node.report()
    const mine = kept.stripe.shards[holders.get(toHex(node.id))!]![0]
    expect(free.some((shard) => equalBytes(shard, mine))).toBe(false)
  }
})

test('a version keeps the references of the one before, and lists count like their blobs', async () => {
  await pool.addProviders(alice, 3)
  const [one, two] = [testStripe('one', 1, 3), testStripe('two', 1, 3)]
  await pool.storeStripe(alice, home, one)
  await pool.storeStripe(alice, home, two)
  const list = encodePublicList(nodePrimitives, blobIds(two))
  const first = create('file', home.root, contents(blobIds(one)))
  await alice.commit(home.id, [first])
  const second = write(nodeOf(first, undefined), contents([], [list.id]))
  await expect(alice.commit(home.id, [second])).rejects.toBeInstanceOf(NotFoundError)
  await alice.call(methods.putLists, { space: home.id, lists: [list.bytes] })
  // The list is a blob like others: it must be stored as well, and stays as long as what it names.
  await expect(alice.commit(home.id, [second])).rejects.toBeInstanceOf(NotFoundError)
  const three = testStripe('three', 1, 3)
  const [, index, offset, length] = three.blobs[0]!
  const listed = { ...three, blobs: [[list.id, index, offset, length] as const] }
  await pool.storeStripe(alice, home, listed)
  await alice.commit(home.id, [second])
  pool.store.read(({ stripes }) => {
    for (const blob of [...blobIds(one), ...blobIds(two), list.id])
      expect(stripes.references(home.id, blob)).toBe(1)
  })
  expect((await alice.call(methods.poolStatus, {})).uniqueBytes).toBe(4_000 + length)
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await reportAll()
  expect(await has(two)).toEqual(new Set([true]))
  expect(await has(listed)).toEqual(new Set([true]))
  expect(pool.store.read(({ stripes }) => stripes.list(home.id, list.id)?.committed)).toBe(true)
})

test('stripes and their blobs must be well made', async () => {
  await pool.addProviders(alice, 3)
  const made = testStripe('s', 1, 3)
  const bad = [
    { ...made.stripe, k: 0 },
    { ...made.stripe, k: 3 },
    { ...made.stripe, n: 4 },
    { ...made.stripe, shards: made.stripe.shards.map(([id], i) => [id, 100 + i] as const) },
  ]
  for (const stripe of bad)
    await expect(alice.call(methods.placeStripe, { space: home.id, stripe })).rejects.toBeInstanceOf(
      MalformedError,
    )
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  const seal = (blobs: readonly methods.BlobPlace[]) =>
    alice.call(methods.sealStripe, { stripe: made.id, stored: placed.shards, blobs })
  const [a, b] = [seedOf('a'), seedOf('b')]
  const wrong: (readonly methods.BlobPlace[])[] = [
    [[a, 1, 0, 10]],
    [[a, 0, 0, 100_000]],
    [[a, 0, 0, 0]],
    [
      [a, 0, 0, 10],
      [b, 0, 5, 10],
    ],
    [
      [a, 0, 0, 10],
      [a, 0, 10, 10],
    ],
  ]
  for (const blobs of wrong) await expect(seal(blobs)).rejects.toBeInstanceOf(MalformedError)
  await seal(made.blobs)
  await expect(seal(made.blobs.slice(1))).rejects.toBeInstanceOf(ConflictError)
})

test('attack 19: another member’s stripes, spaces and shards are out of reach', async () => {
  await pool.addProviders(alice, 6)
  const bob = await pool.join(alice, 'bob')
  const his = await bob.createSpace('his')
  const made = testStripe('s', 1, 3)
  await pool.storeStripe(alice, home, made)
  const steal = bob.call(methods.placeStripe, { space: his.id, stripe: made.stripe })
  await expect(steal).rejects.toBeInstanceOf(DeniedError)
  await expect(
    bob.call(methods.sealStripe, { stripe: made.id, stored: [], blobs: made.blobs }),
  ).rejects.toBeInstanceOf(DeniedError)
  await expect(
    bob.call(methods.replaceShard, { stripe: made.id, index: 0, failed: [] }),
  ).rejects.toBeInstanceOf(DeniedError)
  await expect(bob.commit(his.id, [create('x', his.root, contents(blobIds(made)))])).rejects.toBeInstanceOf(
    NotFoundError,
  )
  // A stripe of his own with a known shard id lands where that shard isn't: he gets no ticket to read it there.
  const own = { ...made.stripe, n: 2, shards: made.stripe.shards.slice(0, 2) }
  const placed = await bob.call(methods.placeStripe, { space: his.id, stripe: own })
  const holders = pool.store.read(({ stripes }) => stripes.stripe(made.id)!.holders)
  for (const [index, id] of placed.shards)
    expect(holders.some((holder) => holder.index === index && equalBytes(holder.provider, id))).toBe(false)
})

test('attack 25: who sweeps ids is told no after 10,000 that he never committed, one by one too', async () => {
  await pool.addProviders(alice, 3)
  const committed = testStripe('committed', 1, 3)
  await pool.storeStripe(alice, home, committed)
  await commitFile('file', blobIds(committed))
  const guesses = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => seedOf(`guess ${from + i}`))
  const ask = async (blobs: readonly Uint8Array[]) =>
    (await alice.call(methods.hasBlobs, { space: home.id, blobs })).present
  const hit = committed.blobs[0]![0]
  // The caller's own answers are no oracle; make the hit somebody else's.
  const second = await pool.join(alice, 'second')
  pool.store.write(({ spaces }) =>
    spaces.addGrant(home.id, {
      id: seedOf('grant').slice(0, 16),
      node: home.root.id,
      gen: 1,
      grantee: second.id,
      encGen: 1,
      rights: 7,
      notAfter: undefined,
    }),
  )
  const askAsSecond = async (blobs: readonly Uint8Array[]) =>
    (await second.call(methods.hasBlobs, { space: home.id, blobs })).present
  expect(await askAsSecond([hit])).toEqual([true])
  expect((await askAsSecond(guesses(0, 4_096))).includes(true)).toBe(false)
  expect((await askAsSecond([...guesses(4_096, 4_095), hit])).at(-1)).toBe(true)
  expect((await askAsSecond([...guesses(8_191, 4_095), hit])).at(-1)).toBe(false)
  await askAsSecond(guesses(8_191, 1_809))
  expect(await askAsSecond([hit])).toEqual([false])
  expect(await ask([hit])).toEqual([true])
  pool.clock.advance(24 * 3_600_000)
  await reportAll()
  expect(await askAsSecond([hit])).toEqual([true])
})
