/** Copies of what is read a lot, through a tracker's routes: who is asked, who is told of them, what they don't count for. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TestMember, TestProviderNode, TestSpace } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { contents, create, TrackerPool, testStripe } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { toHex } from '../../core/open/bytes.ts'
import { MAX_COPIES } from '../../core/open/stripes/copies.ts'
import { TICKET_READ, TICKET_READ_COPY, ticketCodec } from '../../core/open/objects/ticket.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { ASK_INTERVAL_MS, REFUSED_MS } from './copy-directory.ts'

const made = testStripe('read a lot', 2, 4)
const shard = made.stripe.shards[0]![0]
let pool: TrackerPool
let alice: TestMember
let space: TestSpace
/** Holder of `shard`, those of the others of its stripe in their order, and who has none. */
let holder: TestProviderNode
let holders: TestProviderNode[]
let others: TestProviderNode[]
beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  await pool.addProviders(alice, 7)
  space = await alice.createSpace('home')
  const { shards } = await pool.storeStripe(alice, space, made)
  await alice.commit(space.id, [create('film', space.root, contents(made.blobs.map(([blob]) => blob)))])
  const at = new Map(shards.map(([index, id]) => [toHex(id), index]))
  holder = pool.providers.find(({ id }) => at.get(toHex(id)) === 0)!
  holders = [1, 2, 3].map((index) => pool.providers.find(({ id }) => at.get(toHex(id)) === index)!)
  others = pool.providers.filter(({ id }) => !at.has(toHex(id)))
})
afterEach(() => pool.close())

const locate = () =>
  alice.call(methods.locateBlobs, { space: space.id, blobs: made.blobs.map(([blob]) => blob) })
const copiesNamed = async () =>
  ((await locate()).stripes[0]!.copies ?? []).map(([index, id]) => [index, toHex(id)])

/** Everybody reports, as they do each second; gives the answers of those that were asked for a copy. */
async function round(from: readonly TestProviderNode[] = pool.providers) {
  const asked = []
  for (const provider of from) {
    const { copy } = await provider.report()
    if (copy !== undefined) asked.push({ provider, copy })
  }
  return asked
}

/** `holder` says that the shard is read a lot, and whoever is asked for a copy says that he keeps it. */
async function copied(): Promise<TestProviderNode> {
  await holder.report({ hot: [shard] })
  const [asked] = await round(others)
  await asked!.provider.report({ copies: [shard] })
  return asked!.provider
}

describe('a shard that is read a lot', () => {
  test('is copied by a provider that holds nothing of its stripe, with a ticket for that shard at its holder', async () => {
    await holder.report({ hot: [shard] })
    const asked = await round()
    expect(asked).toHaveLength(1)
    const { provider, copy } = asked[0]!
    expect(others).toContain(provider)
    const ticket = ticketCodec.decode(copy.ticket[0])
    expect(ticket).toMatchObject({ kind: TICKET_READ, notAfter: Math.floor(pool.clock.now() / 1_000) + 900 })
    expect([ticket.holder, ticket.provider].map(toHex)).toEqual([provider.net, holder.id].map(toHex))
    expect(ticket.shards.map(([id, bytes]) => [toHex(id), bytes])).toEqual([
      [toHex(shard), made.stripe.shards[0]![1]],
    ])
    expect(copy.address).toMatch(/:4001$/)
    expect(await round()).toEqual([])
  })

  test('is named to readers with a ticket of its own once its provider says that it has it, for as long as it does', async () => {
    await holder.report({ hot: [shard] })
    const [asked] = await round()
    expect(await copiesNamed()).toEqual([])
    const { provider } = asked!
    await provider.report({ copies: [shard] })
    expect(await copiesNamed()).toEqual([[0, toHex(provider.id)]])
    const { tickets, providers } = await locate()
    const own = tickets.filter(([id]) => toHex(id) === toHex(provider.id))
    expect(own.map(([, [body]]) => ticketCodec.decode(body))).toMatchObject([{ kind: TICKET_READ_COPY }])
    expect(providers.filter(({ id }) => toHex(id) === toHex(provider.id))).toMatchObject([{ copies: 1 }])
    await provider.report()
    expect(await copiesNamed()).toEqual([])
    expect((await locate()).tickets).toHaveLength(4)
  })

  test('is copied by holders of its stripe where there is nobody else', async () => {
    for (const provider of others) await provider.die()
    await holder.report({ hot: [shard] })
    const asked = await round([holder, ...holders])
    expect(asked.map(({ provider }) => provider)).toEqual([expect.toBeOneOf(holders)])
  })

  test('is never copied to a holder of its stripe who could then rebuild a shard of his own', async () => {
    const [ofSecond, copier, last] = holders as [TestProviderNode, TestProviderNode, TestProviderNode]
    for (const provider of [...others, ofSecond, last]) await provider.die()
    await holder.report({ hot: [shard] })
    const [first] = await round([copier])
    expect(first).toBeDefined()
    // With the second data shard it would have two, from which parity is made.
    for (let i = 0; i < 3; i++) {
      pool.clock.advance(ASK_INTERVAL_MS)
      await copier.report({ copies: [shard] })
      await ofSecond.report({ hot: [made.stripe.shards[1]![0]] })
      expect((await copier.report({ copies: [shard] })).copy).toBeUndefined()
    }
    await last.report()
    await ofSecond.report({ hot: [made.stripe.shards[1]![0]] })
    expect((await last.report()).copy).toBeDefined()
  })

  test('gets so many copies and no more, one in ten seconds', async () => {
    const keepers: TestProviderNode[] = []
    for (let i = 0; i < MAX_COPIES + 3; i++) {
      await holder.report({ hot: [shard] })
      await holder.report({ hot: [shard] })
      for (const { provider } of await round(others.filter((other) => !keepers.includes(other))))
        keepers.push(provider)
      pool.clock.advance(ASK_INTERVAL_MS)
      for (const provider of pool.providers)
        await provider.report({ copies: keepers.includes(provider) ? [shard] : [] })
      expect(keepers).toHaveLength(Math.min(i + 1, MAX_COPIES))
    }
    expect(await copiesNamed()).toHaveLength(MAX_COPIES)
  })

  test('must be one that the provider who says so holds', async () => {
    for (const liar of [...others, ...holders]) await liar.report({ hot: [shard, new Uint8Array(32)] })
    expect(await round()).toEqual([])
  })

  test('is copied where an eighth of what is free is enough', async () => {
    const [, bytes] = made.stripe.shards[0]!
    for (const provider of pool.providers) await provider.report({ capacity: bytes * 8 - 1 })
    await holder.report({ hot: [shard], capacity: bytes * 8 - 1 })
    expect(await round([])).toEqual([])
    await others[0]!.report({ capacity: bytes * 8 })
    pool.clock.advance(ASK_INTERVAL_MS)
    for (const provider of pool.providers) await provider.report({ capacity: bytes * 8 - 1 })
    await others[0]!.report({ capacity: bytes * 8 })
    await holder.report({ hot: [shard], capacity: bytes * 8 - 1 })
    expect((await others[0]!.report()).copy).toBeDefined()
  })
})

describe('copies', () => {
  test('count for nothing but reading: not for safety, not for what is stored, not for duplicates', async () => {
    const keeper = await copied()
    const state = () => alice.call(methods.poolStatus, {})
    const before = await state()
    expect(before).toMatchObject({ healthy: 1, degraded: 0, atRisk: 0, lost: 0 })
    const has = () => alice.call(methods.hasBlobs, { space: space.id, blobs: [made.blobs[0]![0]] })
    expect((await has()).present).toEqual([true])
    await holder.die()
    for (const other of holders.slice(0, 2)) await other.die()
    expect(await state()).toMatchObject({ healthy: 0, lost: 1, storedBytes: before.storedBytes })
    expect((await has()).present).toEqual([false])
    expect(await copiesNamed()).toEqual([[0, toHex(keeper.id)]])
    const listed = await alice.call(methods.listStripes, { space: space.id })
    expect(listed.stripes[0]!.copies).toBeUndefined()
    expect(listed.stripes[0]!.holders).toHaveLength(4)
    expect(listed.tickets).toHaveLength(4)
  })

  test('one that a member finds wrong is dropped, and is no damage; strangers to the space are not heard', async () => {
    const keeper = await copied()
    const found = { provider: keeper.id, shard, found: pool.clock.now(), what: methods.DAMAGE_WRONG } as const
    const bob = await pool.join(alice, 'bob')
    await bob.call(methods.reportDamage, { damaged: [found] })
    expect(await copiesNamed()).toHaveLength(1)
    await alice.call(methods.reportDamage, { damaged: [found] })
    expect(await copiesNamed()).toEqual([])
    expect(await alice.call(methods.poolStatus, {})).toMatchObject({ healthy: 1, damaged: [] })
    expect((await keeper.report({ copies: [shard] })).drop?.map(toHex)).toEqual([toHex(shard)])
    // It isn't asked again so soon, another one is.
    pool.clock.advance(ASK_INTERVAL_MS)
    await round()
    await holder.report({ hot: [shard] })
    expect((await round()).map(({ provider }) => provider)).toEqual([
      expect.toBeOneOf(others.filter((other) => other !== keeper)),
    ])
    pool.clock.advance(REFUSED_MS)
    expect((await keeper.report()).drop).toBeUndefined()
  })

  test('of a provider that is down are not named; nobody was asked for: to be dropped', async () => {
    const keeper = await copied()
    await keeper.die()
    expect(await copiesNamed()).toEqual([])
    await keeper.report({ copies: [shard] })
    expect(await copiesNamed()).toHaveLength(1)
    const stranger = others.find((other) => other !== keeper)!
    expect((await stranger.report({ copies: [shard] })).drop?.map(toHex)).toEqual([toHex(shard)])
    expect(await copiesNamed()).toEqual([[0, toHex(keeper.id)]])
    pool.reopen()
    expect((await keeper.report({ copies: [shard] })).drop?.map(toHex)).toEqual([toHex(shard)])
    expect(await copiesNamed()).toEqual([])
  })
})
