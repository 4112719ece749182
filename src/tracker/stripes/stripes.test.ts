import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TestStripe } from '../../../test/fixtures/tracker-pool.ts'
import {
  TrackerPool,
  contents,
  create,
  nodeOf,
  testStripe,
  write,
} from '../../../test/fixtures/tracker-pool.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  MalformedError,
  NotEnoughProvidersError,
  NotFoundError,
} from '../../core/open/errors.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import {
  TICKET_READ,
  TICKET_WRITE,
  TICKET_WRITE_PARITY,
  ticketCodec,
} from '../../core/open/objects/ticket.ts'
import { SKIPPED, placementDrawCodec } from '../../core/open/placement/placement.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { encodePublicList } from '../../core/open/blobs/public-list.ts'
import { LEASE_GRACE_MS } from './expire-leases.ts'

const LEASE_MS = 3_600_000

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => {
  pool = new TrackerPool(LEASE_MS)
  alice = await pool.found()
  home = await alice.createSpace('home')
})
afterEach(() => pool.close())

const ids = ({ blobs }: TestStripe) => blobs.map(([blob]) => blob)
const has = async (made: TestStripe, by = alice) => {
  const { present } = await by.call(methods.hasBlobs, { space: home.id, blobs: ids(made) })
  return new Set(present)
}
const commitFile = (label: string, blobs: readonly Uint8Array[]) =>
  alice.commit(home.id, [create(label, home.root, contents(blobs))])
const provider = (id: Uint8Array) => pool.providers.find((node) => equalBytes(node.id, id))!
const reportAll = () => Promise.all(pool.providers.map((node) => node.report()))
const open = (ticket: readonly [Uint8Array, Uint8Array]) =>
  openSigned(
    nodePrimitives,
    'ticket',
    pool.pool,
    nodePrimitives.ed25519Public(pool.logSeed),
    ticketCodec,
    ticket,
  )

test('a stripe is placed once on different providers, with a write ticket for each that names one shard', async () => {
  await pool.addProviders(alice, 8)
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  expect(new Set(placed.shards.map(([, id]) => toHex(id))).size).toBe(6)
  expect(placed.narrow).toBe(false)
  for (const [index, id] of placed.shards) {
    const named = placed.tickets.find(([to]) => equalBytes(to, id))!
    const ticket = open(named[1])
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

test('blobs count as present for their member once sealed, and for the space once committed', async () => {
  await pool.addProviders(alice, 6)
  const made = testStripe('s', 4, 6)
  const placed = await alice.call(methods.placeStripe, { space: home.id, stripe: made.stripe })
  expect(await has(made)).toEqual(new Set([false]))
  await expect(commitFile('early', ids(made))).rejects.toBeInstanceOf(NotFoundError)
  const seal = (count: number) =>
    alice.call(methods.sealStripe, {
      stripe: made.id,
      stored: placed.shards.filter(([index]) => index < count),
      blobs: made.blobs,
    })
  await seal(4)
  await expect(commitFile('below happy', ids(made))).rejects.toBeInstanceOf(NotFoundError)
  await seal(5)
  expect(await has(made)).toEqual(new Set([false]))
  await commitFile('happy', ids(made).slice(0, 1))
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
  await commitFile('file', ids(made))
  const state = async () => {
    const { healthy, degraded, atRisk, lost } = await alice.call(methods.poolStatus, {})
    return [healthy, degraded, atRisk, lost]
  }
  expect(await state()).toEqual([1, 0, 0, 0])
  await provider(placed.shards[0]![1]).die()
  expect(await state()).toEqual([0, 1, 0, 0])
  expect(await has(made)).toEqual(new Set([false]))
  await provider(placed.shards[1]![1]).die()
  expect(await state()).toEqual([0, 0, 1, 0])
  await provider(placed.shards[2]![1]).die()
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
  await commitFile('file', ids(made))
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
  await provider(id).report({ damaged: [[shard, 1]] })
  expect((await alice.call(methods.poolStatus, {})).damaged).toMatchObject([{ what: 1 }])
})

test('located blobs come with their stripe, its holders and a read ticket for each', async () => {
  await pool.addProviders(alice, 7)
  const made = testStripe('s', 4, 6)
  const placed = await pool.storeStripe(alice, home, made)
  await commitFile('file', ids(made))
  await provider(placed.shards[0]![1]).die()
  const answer = await alice.call(methods.locateBlobs, {
    space: home.id,
    blobs: [...ids(made), seedOf('unknown')],
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
    const ticket = open(signed)
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
  await commitFile('file', ids(first))
  await provider(placed.shards[0]![1]).die()
  const second = { ...testStripe('second', 1, 3, 1), blobs: first.blobs }
  await pool.storeStripe(alice, home, second)
  await commitFile('again', ids(first))
  const { stripes } = await alice.call(methods.locateBlobs, { space: home.id, blobs: ids(first) })
  const holders = stripes[0]!.holders.filter(([, , good]) => good)
  expect(holders.length).toBe(3)
  expect((await alice.call(methods.poolStatus, {})).uniqueBytes).toBe(1_000)
})

test('a stripe that holds again what versions name already outlives its lease', async () => {
  await pool.addProviders(alice, 6)
  const first = testStripe('first', 1, 3, 1)
  await pool.storeStripe(alice, home, first)
  await commitFile('file', ids(first))
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
  await commitFile('file', ids(made))
  expect(await has(made)).toEqual(new Set([true]))
  pool.clock.advance(LEASE_MS + LEASE_GRACE_MS + 1)
  await provider(failed).report()
  expect((await provider(failed).report()).free).toEqual([made.stripe.shards[index]![0]])
  expect((await provider(other).report()).free).toEqual([])
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
  await provider(id).die()
  const request = { stripe: made.id, index, failed: [] }
  await expect(alice.call(methods.replaceShard, request)).rejects.toBeInstanceOf(NotEnoughProvidersError)
  await provider(id).report()
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
  await expect(commitFile('late', ids(made))).rejects.toBeInstanceOf(NotFoundError)
})

test('a stripe with one committed blob stays, and a shard that another stripe needs is not freed', async () => {
  const nodes = await pool.addProviders(alice, 3)
  const kept = testStripe('kept', 1, 3)
  await pool.storeStripe(alice, home, kept)
  await commitFile('file', ids(kept).slice(0, 1))
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
  const list = encodePublicList(nodePrimitives, ids(two))
  const first = create('file', home.root, contents(ids(one)))
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
    for (const blob of [...ids(one), ...ids(two), list.id]) expect(stripes.references(home.id, blob)).toBe(1)
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
  await expect(bob.commit(his.id, [create('x', his.root, contents(ids(made)))])).rejects.toBeInstanceOf(
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
  await commitFile('file', ids(committed))
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
