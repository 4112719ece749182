/** Every promise of TrackerStore; an adapter's test calls this with a way to make, reopen and remove one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConflictError, FolderError } from '../core/open/errors.ts'
import type { Stripe } from '../core/open/stripes/stripe.ts'
import type { TrackerStore } from './tracker-store.ts'
import { ENTRY_KIND } from './tracker-store-log.ts'
import type { NameClaimRow } from './tracker-store-members.ts'
import type { NodeRow } from './tracker-store-spaces.ts'
import { HOLDER_GIVEN_UP, HOLDER_PLACED, HOLDER_STORED } from './tracker-store-stripes.ts'

export interface TrackerStoreSetup {
  /** A new, empty place for a store. */
  make(): string
  open(place: string): TrackerStore
  remove(place: string): void
}

const fill = (value: number, length = 32) => new Uint8Array(length).fill(value)
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

const [SPACE, OTHER_SPACE, MEMBER, STRIPE, OTHER_STRIPE] = [fill(1), fill(2), fill(3), fill(4), fill(5)]
const [P1, P2, P3] = [fill(11), fill(12), fill(13)]
const SHARDS = [fill(21), fill(22), fill(23)]
const stripe: Stripe = { k: 1, n: 3, shards: SHARDS.map((id) => [id, 100] as const) }

function node(value: number, parent: number, created: number, more: Partial<NodeRow> = {}): NodeRow {
  const at = { operation: created, place: value }
  return {
    id: fill(value, 16),
    parent: fill(parent, 16),
    parentGen: 1,
    gen: 1,
    version: 1,
    head: fill(value),
    deleted: false,
    created: at,
    generations: [at, { operation: 2 ** 40 + 7, place: 4_095 }],
    generationBytes: 5,
    meta: at,
    metaBytes: 6,
    content: undefined,
    contentBytes: 0,
    ...more,
  }
}

/** Declares the suite; `setup` is used anew by every test. */
export function trackerStoreConformance(name: string, setup: TrackerStoreSetup): void {
  describe(`${name} keeps the promises of TrackerStore`, () => {
    let place: string
    let store: TrackerStore
    beforeEach(() => {
      place = setup.make()
      store = setup.open(place)
      store.write(({ providers, spaces }) => {
        for (const id of [P1, P2, P3])
          providers.putProvider({
            id,
            net: id,
            name: 'p',
            operator: id,
            invite: id,
            address: 'h:1',
            capacity: 1e12,
            seq: 1,
            record: [fill(1, 3), fill(2, 64)],
          })
        for (const id of [SPACE, OTHER_SPACE])
          spaces.addSpace({ id, root: fill(1, 16), epoch: 0, genesis: 0, blobs: 0, uniqueBytes: 0 })
      })
    })
    afterEach(() => {
      store.close()
      setup.remove(place)
    })
    const reopen = () => {
      store.close()
      store = setup.open(place)
    }
    const addStripe = (id: Uint8Array, space: Uint8Array, leaseUntil: number, holders = [P1, P2, P3]) =>
      store.write(({ stripes }) => {
        stripes.addStripe({ id, space, member: MEMBER, stripe, leaseUntil, attempts: 1 })
        for (const [index, provider] of holders.entries())
          stripes.putHolder(id, index, provider, HOLDER_STORED)
      })

    test('what a write did is there after closing and opening, with the same bytes', () => {
      const changes = [fill(7, 10), fill(8, 0), fill(9, 1_000)]
      store.write(({ log, members, spaces }) => {
        log.append(ENTRY_KIND.genesis, 100, fill(1, 5), fill(0, 0))
        log.appendOperation(90, fill(6), fill(2, 6), fill(3, 64), changes)
        members.setProgress(fill(1, 16), { counter: 2 ** 52, prevOp: fill(6) })
        spaces.putNodes(SPACE, [node(2, 1, 5, { content: { operation: 3, place: 1 }, contentBytes: 9 })])
      })
      reopen()
      store.read(({ log, members, spaces }) => {
        expect(log.size()).toBe(2)
        expect(plain(log.entry(0))).toEqual(
          plain({ index: 0, kind: 0, time: 100, body: fill(1, 5), signatures: fill(0, 0) }),
        )
        // Time never falls.
        expect(plain(log.entry(1))).toEqual(
          plain({ index: 1, kind: 6, time: 100, body: fill(2, 6), signatures: fill(3, 64) }),
        )
        expect(log.entry(2)).toBeUndefined()
        expect(log.operationIndex(fill(6))).toBe(1)
        expect(plain(log.changes(1))).toEqual(plain(changes))
        expect(plain(log.change(1, 2))).toEqual(plain(changes[2]))
        expect([log.changeCount(0), log.changeCount(1)]).toEqual([0, 3])
        expect(members.progress(fill(1, 16))?.counter).toBe(2 ** 52)
        expect(plain(spaces.node(SPACE, fill(2, 16)))).toEqual(
          plain(node(2, 1, 5, { content: { operation: 3, place: 1 }, contentBytes: 9 })),
        )
        expect(spaces.node(OTHER_SPACE, fill(2, 16))).toBeUndefined()
      })
    })

    test('a write that throws leaves nothing behind, rows that it had added and named included', () => {
      const late = fill(77)
      expect(() =>
        store.write(({ log, spaces }) => {
          log.append(ENTRY_KIND.genesis, 1, fill(1), fill(1))
          spaces.addSpace({ id: late, root: fill(1, 16), epoch: 0, genesis: 0, blobs: 0, uniqueBytes: 0 })
          spaces.putNodes(late, [node(2, 1, 1)])
          throw new RangeError('on purpose')
        }),
      ).toThrow(RangeError)
      const id = fill(78)
      store.write(({ spaces }) =>
        spaces.addSpace({ id, root: fill(1, 16), epoch: 0, genesis: 0, blobs: 0, uniqueBytes: 0 }),
      )
      store.read(({ log, spaces }) => {
        expect(log.size()).toBe(0)
        expect(spaces.space(late)).toBeUndefined()
        expect(spaces.node(late, fill(2, 16))).toBeUndefined()
        expect(spaces.node(id, fill(2, 16))).toBeUndefined()
      })
    })

    test('nobody else opens the same place, until it is closed', () => {
      expect(() => setup.open(place)).toThrow(FolderError)
      store.close()
      store = setup.open(place)
    })

    test('names, net keys, invites and operations are taken once', () => {
      const member = (id: number, called: string) => ({
        id: fill(id),
        name: called,
        sign: fill(id),
        record: [fill(1), fill(2, 64)] as const,
      })
      const device = (id: number, net: number) => ({
        device: fill(id, 16),
        member: fill(3),
        sign: fill(id),
        net: fill(net),
        notAfter: 1,
        serial: 1,
        certificate: [fill(1), fill(2, 64), fill(3, 64)] as const,
      })
      store.write(({ members, log }) => {
        members.addMember(member(1, 'alice'))
        members.putDevice(device(1, 1))
        members.useInvite(fill(9), fill(1))
        log.appendOperation(1, fill(6), fill(2), fill(3, 64), [])
      })
      const refused = (work: Parameters<TrackerStore['write']>[0]) =>
        expect(() => store.write(work)).toThrow(ConflictError)
      refused(({ members }) => members.addMember(member(2, 'alice')))
      refused(({ members }) => members.addMember(member(1, 'bob')))
      refused(({ members }) => members.putDevice(device(2, 1)))
      refused(({ members }) => members.useInvite(fill(9), fill(2)))
      refused(({ log }) => log.appendOperation(1, fill(6), fill(2), fill(3, 64), []))
      store.write(({ members }) => members.putDevice({ ...device(1, 5), serial: 2 }))
      store.read(({ members }) => {
        expect(members.deviceByNet(fill(1))).toBeUndefined()
        expect(members.deviceByNet(fill(5))?.serial).toBe(2)
        const { notAfter } = members.deviceByNet(fill(5))!
        expect(members.netKeys(notAfter, 9)).toEqual([fill(5)])
        expect(members.netKeys(notAfter + 1, 9)).toEqual([])
        expect(members.netKeys(notAfter, 0)).toEqual([])
        expect(members.memberNamed('alice')?.id[0]).toBe(1)
        expect(members.admittedBy(fill(9))?.[0]).toBe(1)
      })
    })

    test('children come by creation, without the deleted, a page at a time', () => {
      store.write(({ spaces }) =>
        spaces.putNodes(SPACE, [
          node(5, 1, 9),
          node(4, 1, 10),
          node(3, 1, 2),
          node(6, 1, 9, { deleted: true }),
          node(7, 2, 1),
        ]),
      )
      store.read(({ spaces }) => {
        const page = (after: NodeRow['created'] | undefined, limit: number) =>
          spaces.children(SPACE, fill(1, 16), after, limit).map(({ id }) => id[0])
        expect(page(undefined, 9)).toEqual([3, 5, 4])
        expect(page(undefined, 1)).toEqual([3])
        expect(page({ operation: 2, place: 3 }, 1)).toEqual([5])
        expect(page({ operation: 9, place: 5 }, 9)).toEqual([4])
        expect(spaces.hasChildren(SPACE, fill(2, 16))).toBe(true)
        expect(spaces.hasChildren(SPACE, fill(3, 16))).toBe(false)
      })
    })

    test('newcomers wait under invites until they are dropped', () => {
      const row = (invite: number, member: number, since: number) => ({
        invite: fill(invite),
        member: fill(member),
        mac: fill(1),
        record: [fill(1), fill(2, 64)] as const,
        certificate: [fill(1), fill(2, 64), fill(3, 64)] as const,
        since,
      })
      store.write(({ members }) => {
        for (const waiting of [row(1, 1, 5), row(1, 2, 6), row(2, 1, 7), row(1, 1, 8)])
          members.putWaiting(waiting)
      })
      store.read(({ members }) => {
        expect(members.waitingUnder(fill(1)).map(({ member }) => member[0])).toEqual([2, 1])
        expect(members.waiting(fill(1)).length).toBe(2)
        expect(members.waitingCount()).toBe(3)
      })
      store.write(({ members }) => {
        members.dropWaitingBefore(7)
        members.dropWaiting(fill(9))
      })
      expect(store.read(({ members }) => members.waitingCount())).toBe(2)
    })

    test('claims of names wait their turn until a block holds them, one of each member', () => {
      const claim = (member: number, tryAt: number, more: Partial<NameClaimRow> = {}): NameClaimRow => ({
        name: `name-${member}`,
        member: fill(member),
        owner: fill(member, 20),
        signature: fill(member, 65),
        chainId: 2 ** 52,
        contract: fill(9, 20),
        since: 10 - member,
        tryAt,
        block: undefined,
        problem: undefined,
        ...more,
      })
      const view = () =>
        store.read(({ members }) => ({
          waiting: members.waitingClaimCount(),
          due: members.dueClaims(6, 2).map(({ name: called }) => called),
          next: members.nextClaimTime(),
          problem: members.claimProblem(),
        }))
      expect(view()).toEqual({ waiting: 0, due: [], next: undefined, problem: undefined })
      store.write(({ members }) => {
        for (const row of [claim(1, 6), claim(2, 7), claim(3, 5), claim(4, 4)]) members.putNameClaim(row)
        members.putNameClaim(claim(1, 8, { problem: 'later' }))
        members.putNameClaim(claim(4, 9, { problem: 'first' }))
      })
      expect(view()).toEqual({ waiting: 4, due: ['name-3'], next: 5, problem: 'first' })
      store.write(({ members }) => {
        members.putNameClaim(claim(3, 0, { block: 77 }))
        members.retryClaims()
      })
      expect(view()).toEqual({ waiting: 3, due: ['name-1', 'name-2'], next: 0, problem: 'first' })
      store.read(({ members }) => {
        expect(plain(members.nameClaim(fill(3)))).toEqual(plain(claim(3, 0, { block: 77 })))
        expect(members.nameClaim(fill(5))).toBeUndefined()
      })
    })

    test('a stripe’s shards are freed after its lease, unless another row names them there', () => {
      addStripe(STRIPE, SPACE, 100)
      addStripe(OTHER_STRIPE, SPACE, 500, [P1, P3, P2])
      const expire = (time: number) => store.write(({ stripes }) => stripes.expire(time, 10))
      const frees = (provider: Uint8Array) =>
        store.read(({ stripes }) => stripes.frees(provider, 10).map((shard) => shard[0]))
      expect(expire(100)).toBe(false)
      expect(store.read(({ stripes }) => stripes.stripe(STRIPE))).toBeDefined()
      expire(101)
      expect(store.read(({ stripes }) => stripes.stripe(STRIPE))).toBeUndefined()
      expect([frees(P1), frees(P2), frees(P3)]).toEqual([[], [22], [23]])
      store.read(({ stripes }) => {
        expect(plain(stripes.busyWith([SHARDS[1]!], SPACE))).toEqual(plain([P2]))
        expect(stripes.busyWith([SHARDS[0]!], SPACE)).toEqual([])
        expect(stripes.busyWith([SHARDS[0]!], OTHER_SPACE).length).toBe(1)
        expect(plain(stripes.spacesHolding(P1, SHARDS[0]!))).toEqual(plain([SPACE]))
      })
      store.write(({ stripes }) => stripes.confirmFreed(P2, [SHARDS[1]!]))
      expect(frees(P2)).toEqual([])
      const stripesWith = (shard: Uint8Array) =>
        plain(store.read(({ stripes }) => stripes.stripesWith(shard)))
      expect(stripesWith(SHARDS[0]!)).toEqual([])
      store.write(({ stripes }) => stripes.commitStripe(OTHER_STRIPE))
      expect(stripesWith(SHARDS[0]!)).toEqual(plain([OTHER_STRIPE]))
      expire(10_000)
      expect(store.read(({ stripes }) => stripes.stripe(OTHER_STRIPE))?.committed).toBe(true)
    })

    test('a given-up holder of a committed stripe is freed after the lease, and not before', () => {
      addStripe(STRIPE, SPACE, 100)
      store.write(({ stripes }) => {
        stripes.commitStripe(STRIPE)
        stripes.putHolder(STRIPE, 0, P1, HOLDER_GIVEN_UP)
        stripes.renewLease(STRIPE, 200)
        stripes.renewLease(STRIPE, 150)
        stripes.expire(200, 10)
      })
      const frees = () => store.read(({ stripes }) => stripes.frees(P1, 10).length)
      expect(frees()).toBe(0)
      store.write(({ stripes }) => stripes.expire(201, 10))
      expect(frees()).toBe(1)
      expect(store.read(({ stripes }) => stripes.stripe(STRIPE)!.holders.length)).toBe(2)
    })

    test('bytes are reserved while placed and leased, and counted once stored', () => {
      store.write(({ stripes }) => {
        stripes.addStripe({ id: STRIPE, space: SPACE, member: MEMBER, stripe, leaseUntil: 100, attempts: 1 })
        stripes.putHolder(STRIPE, 0, P1, HOLDER_PLACED)
        stripes.putHolder(STRIPE, 1, P2, HOLDER_STORED)
        stripes.putHolder(STRIPE, 2, P3, HOLDER_GIVEN_UP)
      })
      store.read(({ stripes }) => {
        expect(plain(stripes.reserved(99))).toEqual(plain([{ provider: P1, bytes: 100 }]))
        expect(stripes.reserved(100)).toEqual([])
        expect(plain(stripes.storedBy())).toEqual(
          plain([{ provider: P2, shards: 1, bytes: 100, goodBytes: 100 }]),
        )
      })
      store.write(({ stripes }) => {
        stripes.markDamaged({ provider: P2, shard: stripe.shards[1]![0], found: 1, what: 0 })
        expect(stripes.storedBy()[0]).toMatchObject({ bytes: 100, goodBytes: 0 })
      })
    })

    test('a stripe keeps the draw for all of its shards and the newest for each, as long as it is there', () => {
      const draw = (i: number) => new Uint8Array(3).fill(i)
      addStripe(STRIPE, SPACE, 100)
      store.write(({ stripes }) => {
        stripes.putDraw(STRIPE, 2, draw(1))
        stripes.putDraw(STRIPE, undefined, draw(2))
        stripes.putDraw(STRIPE, 2, draw(3))
        stripes.putDraw(STRIPE, 0, draw(4))
      })
      const draws = () => store.read(({ stripes }) => stripes.draws(STRIPE))
      expect(plain(draws())).toEqual(plain([draw(2), draw(4), draw(3)]))
      store.write(({ stripes }) => stripes.expire(101, 10))
      addStripe(STRIPE, SPACE, 300)
      expect(draws()).toEqual([])
    })

    test('health counts good shards of committed stripes; damage is one until the shard is stored again', () => {
      addStripe(STRIPE, SPACE, 100)
      addStripe(OTHER_STRIPE, SPACE, 100)
      const health = (...up: Uint8Array[]) => store.read(({ stripes }) => plain(stripes.health(up)))
      expect(health(P1)).toEqual([])
      store.write(({ stripes }) => stripes.commitStripe(STRIPE))
      expect(health(P1, P2, P3)).toEqual([{ k: 1, n: 3, good: 3, stripes: 1 }])
      expect(health()).toEqual([{ k: 1, n: 3, good: 0, stripes: 1 }])
      const damage = { provider: P1, shard: SHARDS[0]!, found: 55, what: 1 } as const
      store.write(({ stripes }) => {
        expect(stripes.markDamaged({ ...damage, provider: P2 })).toBe(false)
        expect(stripes.markDamaged(damage)).toBe(true)
        stripes.markDamaged({ ...damage, found: 66, what: 0 })
      })
      expect(health(P1, P2, P3)).toEqual([{ k: 1, n: 3, good: 2, stripes: 1 }])
      expect(store.read(({ stripes }) => plain(stripes.damaged(10)))).toEqual(plain([damage]))
      store.write(({ stripes }) => {
        stripes.putHolder(STRIPE, 0, P1, HOLDER_STORED)
        stripes.putHolder(OTHER_STRIPE, 0, P1, HOLDER_STORED)
      })
      expect(store.read(({ stripes }) => stripes.damaged(10))).toEqual([])
    })

    test('blobs have places by space, references count, lists wait for a commit', () => {
      addStripe(STRIPE, SPACE, 100)
      const blob = { blob: fill(41), index: 0, offset: 5, length: 50 }
      store.write(({ stripes, spaces }) => {
        stripes.addBlobs(STRIPE, fill(99), [blob])
        stripes.sealStripe(STRIPE)
        stripes.addReference(SPACE, blob.blob)
        stripes.addReference(SPACE, blob.blob)
        spaces.countBlobs(SPACE, 1, 50)
        stripes.putList(SPACE, fill(51), MEMBER, fill(1, 70), 100)
        stripes.putList(SPACE, fill(52), MEMBER, fill(1, 30), 100)
        stripes.commitList(SPACE, fill(52))
      })
      store.read(({ stripes, spaces }) => {
        expect(plain(stripes.locations(SPACE, blob.blob))).toEqual(
          plain([
            {
              stripe: STRIPE,
              member: MEMBER,
              length: 50,
              blob: blob.blob,
              index: 0,
              offset: 5,
              sealed: true,
              committed: false,
            },
          ]),
        )
        expect(stripes.locations(OTHER_SPACE, blob.blob)).toEqual([])
        expect([stripes.references(SPACE, blob.blob), stripes.references(OTHER_SPACE, blob.blob)]).toEqual([
          2, 0,
        ])
        expect(spaces.space(SPACE)).toMatchObject({ blobs: 1, uniqueBytes: 50 })
        expect(stripes.uncommittedListBytes(MEMBER)).toBe(70)
        expect(stripes.list(SPACE, fill(52))?.committed).toBe(true)
      })
      store.write(({ stripes }) => stripes.expire(101, 10))
      store.read(({ stripes }) => {
        expect(stripes.locations(SPACE, blob.blob)).toEqual([])
        expect(stripes.list(SPACE, fill(51))).toBeUndefined()
        expect(stripes.list(SPACE, fill(52))?.bytes.length).toBe(30)
      })
    })

    test('expiry goes a batch at a time and says when there is more', () => {
      for (let i = 0; i < 5; i++) addStripe(fill(100 + i), SPACE, i)
      const expire = () => store.write(({ stripes }) => stripes.expire(1_000, 2))
      expect([expire(), expire(), expire()]).toEqual([true, true, false])
      expect(store.read(({ stripes }) => stripes.storedBy())).toEqual([])
    })

    test('committed stripes are listed by id, a page at a time', () => {
      for (const i of [3, 1, 2]) addStripe(fill(100 + i), SPACE, 1_000)
      store.write(({ stripes }) => {
        for (const i of [3, 1, 2]) stripes.commitStripe(fill(100 + i))
      })
      const page = (after: Uint8Array | undefined) =>
        store.read(({ stripes }) => stripes.committedStripes(SPACE, after, 2).map(({ id }) => id[0]))
      expect([page(undefined), page(fill(102)), page(fill(103))]).toEqual([[101, 102], [103], []])
    })
  })
}
