/**
 * A member who invites others and lets each invite a provider that witnesses: together with the tracker they would outvote the honest
 * witnesses, were an invite enough to count.
 */
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives as p } from '../../src/adapters/native/node-primitives.ts'
import { acceptWitnesses } from '../../src/client/log/witnesses/accept-witnesses.ts'
import { voteFor, waitingOperators, witnessReport } from '../../src/client/log/witnesses/witness-report.ts'
import { witnessPrefixes, witnessesOf } from '../../src/client/log/witnesses/witness-set.ts'
import { openSqliteLogStore } from '../../src/adapters/sqlite/sqlite-log-store.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import {
  CancelledError,
  ConflictError,
  DeniedError,
  NotEnoughProvidersError,
  NotFoundError,
  UntrustedError,
  UsageError,
} from '../../src/core/open/errors.ts'
import type { LogEntry } from '../../src/core/open/log/entry.ts'
import { ENTRY_KIND } from '../../src/core/open/log/entry.ts'
import { quorumOf } from '../../src/core/open/log/heads/quorum.ts'
import { inviteHash } from '../../src/core/open/objects/identity.ts'
import type { Signed } from '../../src/core/open/objects/signed.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import type { WitnessVote } from '../../src/core/open/objects/witness-vote.ts'
import { witnessVoteCodec } from '../../src/core/open/objects/witness-vote.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { LogStore } from '../../src/ports/log-store.ts'
import { witnessNext } from '../../src/provider/witness/keep-witnessing.ts'
import { Witness, witnessSeed } from '../../src/provider/witness/witness.ts'
import { logProviderEvents } from '../../src/provider/provider-events.ts'
import { proofOf } from '../../src/tracker/log/serve-head.ts'
import { logMember } from '../fixtures/log/log-member.ts'
import { seedOf, silent } from '../fixtures/provider-pool.ts'
import { TestMember, TestProviderNode, TrackerPool } from '../fixtures/tracker/tracker-pool.ts'

let pool: TrackerPool
let alice: TestMember
let bob: TestMember
/** Names of honest operators' witnesses, each with its provider. */
let honest: { witness: Witness; node: TestProviderNode }[]
const stores: LogStore[] = []

beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  bob = await pool.join(alice, 'bob')
  const nodes = await pool.addProviders(alice, 3, (i) => p.ed25519Public(seedOf(`cosigning ${i}`)))
  honest = nodes.map((node, i) => ({ node, witness: witnessOf(seedOf(`cosigning ${i}`), i) }))
})
afterEach(() => {
  for (const store of stores.splice(0)) store.close()
  pool.close()
})

function witnessOf(seed: Uint8Array, name: number | string): Witness {
  const store = openSqliteLogStore(path.join(pool.folder, `witness-${name}.db`))
  stores.push(store)
  return new Witness(p, store, pool.pool, witnessSeed(store, { bytes: () => seed }))
}

const never = new AbortController().signal
const events = logProviderEvents(silent, seedOf('provider'))

/** Seals, and lets these cosign. */
async function sealWith(witnesses: readonly { witness: Witness; node: TestProviderNode }[] = honest) {
  pool.tracker.state.log.seal()
  for (const { witness, node } of witnesses)
    await witnessNext({ clock: pool.clock, events }, witness, node.dial(), undefined, never)
}

/** A provider that this member lets in, with a cosigning key. */
async function puppet(by: TestMember, name: string) {
  const secret = seedOf(`puppet invite ${name}`)
  await by.call(methods.inviteProvider, { invite: pool.invite(by, secret) })
  const node = new TestProviderNode(pool, `puppet ${name}`)
  const seed = seedOf(`puppet cosigning ${name}`)
  await node.channel.call(methods.registerProvider, {
    secret,
    record: node.record(inviteHash(p, secret), { witness: p.ed25519Public(seed) }),
  })
  await node.report()
  return { node, witness: witnessOf(seed, `puppet-${name}`) }
}

async function puppets(count: number) {
  const made = []
  for (let i = 0; i < count; i++) made.push(await puppet(await pool.join(bob, `sock-${i}`), `${i}`))
  return made
}

function vote(by: TestMember, changes: Partial<WitnessVote> = {}, seed = by.deviceSeed): Signed {
  return signObject(p, 'witness-vote', pool.pool, seed, witnessVoteCodec, {
    suite: 1,
    operator: bob.id,
    approved: true,
    seq: 1,
    member: by.id,
    device: by.device,
    ...changes,
  })
}

const cast = (by: TestMember, changes: Partial<WitnessVote> = {}) =>
  by.call(logMethods.voteOnWitness, { vote: vote(by, changes) })

test('sock puppets change neither the quorum nor who is in it', async () => {
  await sealWith()
  const { log, clock } = logMember(bob, 'bob')
  await log.view()
  const before = (await log.pins()).witnesses.map(({ key }) => toHex(key)).sort()
  expect(before.length).toBe(3)
  const socks = await puppets(5)
  await sealWith()
  // The tracker doesn't keep lines of theirs, which would take the places of others'.
  for (const sock of socks) {
    const signing = witnessNext(
      { clock: pool.clock, events },
      sock.witness,
      sock.node.dial(),
      undefined,
      never,
    )
    await expect(signing).rejects.toBeInstanceOf(DeniedError)
  }
  await clock.sleep(60_000)
  await log.view()
  expect((await log.pins()).witnesses.map(({ key }) => toHex(key)).sort()).toEqual(before)
  const { witnesses, tracker } = await alice.call(logMethods.listWitnesses, {})
  expect(quorumOf(witnesses, tracker)).toEqual({ operators: 3, needed: 2 })
  // A newcomer, who pins what he is shown first, counts the same ones.
  const carol = logMember(await pool.join(alice, 'carol'), 'carol')
  await sealWith()
  await carol.log.view()
  expect((await carol.log.pins()).witnesses.length).toBe(3)
})

test('an admin approves an operator, and takes it back; nobody else does', async () => {
  const own = await puppet(bob, 'own')
  await sealWith()
  const { log, clock } = logMember(alice, 'alice')
  const counted = async () => {
    await clock.sleep(60_000)
    await log.view()
    return (await log.pins()).witnesses.length
  }
  expect(await counted()).toBe(3)
  await expect(cast(bob)).rejects.toBeInstanceOf(DeniedError)
  await expect(bob.call(logMethods.voteOnWitness, { vote: vote(alice) })).rejects.toBeInstanceOf(DeniedError)
  const forged = vote(alice, {}, bob.deviceSeed)
  await expect(alice.call(logMethods.voteOnWitness, { vote: forged })).rejects.toBeInstanceOf(UntrustedError)
  await cast(alice)
  await sealWith()
  expect(await counted()).toBe(4)
  await sealWith([...honest, own])
  expect((await alice.call(logMethods.listWitnesses, {})).witnesses.length).toBe(4)
  // The same vote again, which would undo a later one.
  await cast(alice, { approved: false, seq: 2 })
  await expect(cast(alice)).rejects.toBeInstanceOf(ConflictError)
  await expect(cast(alice, { seq: 4 })).rejects.toBeInstanceOf(ConflictError)
  await sealWith()
  expect(await counted()).toBe(3)
  // An operator whom an admin had let in by his invite goes the same way.
  const { operator } = (await alice.call(logMethods.listWitnesses, {})).witnesses[0]!
  await cast(alice, { operator, approved: false })
  await sealWith()
  expect(await counted()).toBe(2)
})

test('what an admin votes for is what the map shows, and one operator alone', async () => {
  const own = await puppet(bob, 'own')
  await sealWith()
  const { client, clock } = logMember(alice, 'alice')
  const standings = async () => {
    await clock.sleep(60_000)
    const { witnesses, operators } = await witnessReport(client)
    const of = witnesses.find(({ member }) => member === 'bob')
    return { standing: of?.standing, operators }
  }
  expect(await standings()).toEqual({ standing: 'waiting', operators: 3 })
  expect(await waitingOperators(client)).toEqual(['bob'])
  // All of these providers bear one name, as puppets might.
  await expect(voteFor(client, 'provider', true)).rejects.toBeInstanceOf(UsageError)
  await expect(voteFor(client, 'nobody', true)).rejects.toBeInstanceOf(NotFoundError)
  const approved = await voteFor(client, toHex(own.node.id), true)
  expect(approved).toMatchObject({ isNew: true, admins: 1, agreeing: 1 })
  expect(toHex(approved.operator)).toBe(toHex(bob.id))
  await sealWith()
  expect(await standings()).toEqual({ standing: 'approved', operators: 4 })
  expect(await voteFor(client, 'bob', true)).toMatchObject({ isNew: false, agreeing: 1 })
  await sealWith([...honest, own])
  expect(await voteFor(client, 'bob', false)).toMatchObject({ isNew: true, agreeing: 1 })
  await sealWith([...honest, own])
  expect(await standings()).toEqual({ standing: 'withdrawn', operators: 3 })
  const other = logMember(bob, 'bob').client
  await expect(voteFor(other, 'bob', true)).rejects.toBeInstanceOf(DeniedError)
})

test('a vote or an invite of an admin that he did not sign makes nobody a witness, whoever vouches for the map', async () => {
  await puppet(bob, 'own')
  await cast(alice)
  await sealWith()
  const { log } = logMember(alice, 'alice')
  const { found } = await log.prove({ points: [], prefixes: witnessPrefixes(p, pool.genesis) })
  const own = { pool: pool.pool, genesis: pool.genesis }
  expect(witnessesOf(p, own, found).counted.length).toBe(4)
  const bend = (kind: number, changes: Partial<LogEntry>) =>
    found.map((one) => (one.entry.kind === kind ? { ...one, entry: { ...one.entry, ...changes } } : one))
  const signatures = vote(alice, {}, bob.deviceSeed)[1]
  expect(() => witnessesOf(p, own, bend(ENTRY_KIND.witnessVote, { signatures }))).toThrow(UntrustedError)
  expect(() => witnessesOf(p, own, bend(ENTRY_KIND.providerInvite, { signatures }))).toThrow(UntrustedError)
  // Nor under a certificate that had ended.
  const late = { time: pool.clock.now() + 366 * 24 * 3_600_000 }
  expect(() => witnessesOf(p, own, bend(ENTRY_KIND.witnessVote, late))).toThrow(UntrustedError)
  const without = found.filter(({ entry }) => entry.kind !== ENTRY_KIND.witnessVote)
  expect(witnessesOf(p, own, without).counted.length).toBe(3)
})

describe('witnesses that are lost for good', () => {
  const yes = () => Promise.resolve(true)
  let member: ReturnType<typeof logMember>
  /** Of four operators' witnesses two are gone: the other two are no quorum, of four three are. */
  let left: typeof honest
  let lost: Uint8Array[]

  beforeEach(async () => {
    const [node] = await pool.addProviders(alice, 1, () => p.ed25519Public(seedOf('cosigning 3')))
    honest.push({ node: node!, witness: witnessOf(seedOf('cosigning 3'), 3) })
    await sealWith()
    member = logMember(bob, 'bob')
    await member.log.view()
    expect((await member.log.pins()).witnesses.length).toBe(4)
    left = honest.slice(0, 2)
    const { witnesses } = await alice.call(logMethods.listWitnesses, {})
    lost = honest
      .slice(2)
      .map(({ node: gone }) => witnesses.find(({ provider }) => toHex(provider) === toHex(gone.id))!.operator)
  })

  /** Each command is a client of its own. */
  const command = () => logMember(bob, 'bob')
  const hours = (count: number) => pool.clock.advance(count * 3_600_000)
  const replace = async () => {
    for (const operator of lost) await cast(alice, { operator, approved: false })
    await puppet(bob, 'own').then((own) => left.push(own))
    await cast(alice)
    await sealWith(left)
  }

  test('a new set is taken after 72 hours, by consent; until then nothing is believed', async () => {
    await replace()
    await expect(command().log.view()).rejects.toThrow(/witness accept/)
    const first = await acceptWitnesses(command().client, () => Promise.reject(new Error('asked too early')))
    expect(first).toMatchObject({ state: 'noticed', operators: 3, quorum: 2 })
    expect([first.added, first.removed].map((list) => list.map(toHex).sort())).toEqual([
      [toHex(bob.id)],
      lost.map(toHex).sort(),
    ])
    hours(71)
    await sealWith(left)
    expect(await acceptWitnesses(command().client, yes)).toMatchObject({
      state: 'noticed',
      since: first.since,
    })
    await expect(command().log.view()).rejects.toBeInstanceOf(UntrustedError)
    hours(1)
    await sealWith(left)
    await expect(acceptWitnesses(command().client, () => Promise.resolve(false))).rejects.toBeInstanceOf(
      CancelledError,
    )
    expect(await acceptWitnesses(command().client, yes)).toMatchObject({ state: 'accepted' })
    const { log } = command()
    expect((await log.view()).isWitnessed).toBe(true)
    expect((await log.pins()).witnesses.length).toBe(3)
    expect((await log.pins()).notice).toBeUndefined()
    expect(await acceptWitnesses(command().client, yes)).toMatchObject({ state: 'same' })
  })

  test('an admin withdraws dead witnesses one after the other, though no quorum that he knows confirms the log', async () => {
    const admin = () => logMember(alice, 'alice')
    await admin().log.view()
    for (const operator of lost) {
      await voteFor(admin().client, toHex(operator), false)
      await sealWith(left)
    }
    await expect(voteFor(admin().client, 'bob', true)).rejects.toBeInstanceOf(UntrustedError)
    expect((await alice.call(logMethods.listWitnesses, {})).witnesses.length).toBe(2)
    expect(await voteFor(admin().client, toHex(lost[0]!), true)).toMatchObject({
      isNew: true,
      approved: true,
    })
    expect((await alice.call(logMethods.listWitnesses, {})).witnesses.length).toBe(3)
  })

  test('another set since begins the time anew', async () => {
    await replace()
    const first = await acceptWitnesses(command().client, yes)
    hours(71)
    await pool.join(alice, 'carol').then((carol) => puppet(carol, 'late'))
    const { id } = new TestMember(pool, 'carol')
    await cast(alice, { operator: id })
    await sealWith(left)
    hours(1)
    await sealWith(left)
    const again = await acceptWitnesses(command().client, yes)
    expect(again.state).toBe('noticed')
    expect(again.since).toBeGreaterThan(first.since!)
  })

  test('nobody is dropped whom the admins have not withdrawn, nothing is taken that its own witnesses have not signed', async () => {
    const [gone] = honest.slice(3)
    const { invite } = pool.store.read(({ providers }) => providers.provider(gone!.node.id)!)
    const record = gone!.node.record(invite)
    await gone!.node.channel.call(methods.registerProvider, { record })
    await sealWith(left)
    await expect(acceptWitnesses(command().client, yes)).rejects.toThrow(/have not withdrawn/)
    for (const operator of lost) await cast(alice, { operator, approved: false })
    await puppet(bob, 'own')
    await cast(alice)
    await sealWith([])
    // Served is what a quorum has signed; a tracker that serves what it alone has sealed gets no further.
    await expect(acceptWitnesses(command().client, yes)).rejects.toThrow(/have not withdrawn/)
    const { client } = command()
    const { state } = pool.tracker
    const call = client.tracker.call.bind(client.tracker)
    client.tracker.call = (async (method: never, request: { from?: number }) =>
      method === (logMethods.logHead as never)
        ? { head: proofOf(state, state.log.sealed!, request.from) }
        : call(method, request as never)) as never
    await expect(acceptWitnesses(client, yes)).rejects.toBeInstanceOf(NotEnoughProvidersError)
  })
})
