import { isDeepStrictEqual } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/fixtures/processes/process-pool.ts'
import type { TestMember } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import type { MemoryLedgerPool } from '../../adapters/memory/memory-ledger.ts'
import { createMemoryLedger } from '../../adapters/memory/memory-ledger.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError, UnreachableError } from '../../core/open/errors.ts'
import { claimName, ledgerStatus } from '../../core/open/protocol/log-methods.ts'
import type { NameLedger } from './name-relay.ts'
import { trackerLedger } from './tracker-ledger.ts'

let pool: TrackerPool
let chain: MemoryLedgerPool
let alice: TestMember
let bob: TestMember
let stop: AbortController
let running: Promise<void>

beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  bob = await pool.join(alice, 'bob')
  chain = createMemoryLedger({ primitives: p })
  const { ledger } = chain
  pool.ledger = {
    problem: undefined,
    ledger: trackerLedger(ledger, () => ({ anchored: undefined, lag: 0, lagMs: 0, problem: undefined })),
  }
})
afterEach(async () => {
  await halt()
  pool.close()
})

function relay(ledger: NameLedger = chain.ledger): void {
  stop = new AbortController()
  running = pool.tracker.state.names.run(ledger, stop.signal)
}

async function halt(): Promise<void> {
  stop?.abort()
  await running
}

const key = (member: TestMember): Uint8Array => p.sha256(member.id)

async function claimOf(member: TestMember, name = member.name, by = key(member)) {
  const { member: _, ...claim } = await chain.names.signClaim(by, { name, member: member.id })
  const { binding, nameContract: contract } = chain.ledger
  return { ...claim, chainId: binding.chainId, contract }
}

const held = async (name: string) => toHex((await chain.ledger.nameRecord(name))?.member ?? new Uint8Array(0))
const names = async () => (await alice.call(ledgerStatus, {})).names

const becomes = (look: () => Promise<unknown>, wanted: unknown) =>
  until(async () => (isDeepStrictEqual(await look(), wanted) ? true : undefined))
const isTold = (problem: RegExp) =>
  until(async () => (problem.test((await names()).problem ?? '') ? true : undefined))

/** A ledger whose writes fail, or wait, until told otherwise. */
function meddled(registerName: NameLedger['registerName']): NameLedger {
  return { ...chain.ledger, registerName }
}

test('a claim that is handed in comes to the ledger, before or after the relay begins', async () => {
  expect(await alice.call(claimName, await claimOf(alice))).toEqual({})
  expect(await names()).toEqual({ waiting: 1 })
  relay()
  await becomes(() => held('alice'), toHex(alice.id))
  await bob.call(claimName, await claimOf(bob))
  await becomes(() => held('bob'), toHex(bob.id))
  await becomes(names, { waiting: 0 })
  expect((await bob.call(claimName, await claimOf(bob))).block).toBeGreaterThan(0)
})

test('a chain that is away is asked again, and a tracker that starts again goes on where it was', async () => {
  await alice.call(claimName, await claimOf(alice))
  let tries = 0
  relay(
    meddled(async (claim) => {
      tries++
      if (tries < 3) throw new UnreachableError('no chain')
      return chain.ledger.registerName(claim)
    }),
  )
  await pool.clock.sleeperAt(10_000)
  expect(await names()).toEqual({
    waiting: 1,
    problem: 'the name alice is not on the ledger: no chain',
  })
  pool.clock.advance(10_000)
  await pool.clock.sleeperAt(10_000)
  expect(tries).toBe(2)
  await halt()
  relay()
  await becomes(names, { waiting: 0 })
  expect(await held('alice')).toBe(toHex(alice.id))
})

test('a name that a squatter holds is a problem that is told; a member’s own under another key is none', async () => {
  const squatter = await chain.names.signClaim(p.sha256(new Uint8Array(1)), {
    name: 'bob',
    member: new Uint8Array(32).fill(7),
  })
  await chain.ledger.registerName(squatter)
  const other = await chain.names.signClaim(p.sha256(new Uint8Array(2)), { name: 'alice', member: alice.id })
  await chain.ledger.registerName(other)
  relay()
  for (const member of [alice, bob]) await member.call(claimName, await claimOf(member))
  await becomes(names, {
    waiting: 1,
    problem: 'the name bob is not on the ledger: it belongs to another member there',
  })
  expect(await held('bob')).toBe(toHex(squatter.member))
  expect((await alice.call(claimName, await claimOf(alice))).block).toBeGreaterThan(0)
})

test('a signature that isn’t the owner’s keeps nobody else waiting, and a better claim takes its place', async () => {
  const good = await claimOf(alice)
  await alice.call(claimName, { ...good, signature: new Uint8Array(65) })
  await bob.call(claimName, await claimOf(bob))
  relay()
  await becomes(() => held('bob'), toHex(bob.id))
  await isTold(/signature/)
  await alice.call(claimName, good)
  await becomes(names, { waiting: 0 })
})

test('a claim that is replaced while it is under way is not lost', async () => {
  const entered = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const first = { ...(await claimOf(alice)), signature: new Uint8Array(65) }
  await alice.call(claimName, first)
  relay(
    meddled(async (claim) => {
      entered.resolve()
      await go.promise
      return chain.ledger.registerName(claim)
    }),
  )
  await entered.promise
  await alice.call(claimName, await claimOf(alice))
  go.resolve()
  await becomes(() => held('alice'), toHex(alice.id))
  await becomes(names, { waiting: 0 })
})

test('a member claims his own name for the pool’s registry, and nothing else', async () => {
  const claim = await claimOf(bob)
  const asAlice = await claimOf(bob, 'alice')
  await expect(bob.call(claimName, asAlice)).rejects.toBeInstanceOf(DeniedError)
  const elsewhere = { ...claim, contract: new Uint8Array(20) }
  await expect(bob.call(claimName, elsewhere)).rejects.toBeInstanceOf(ConflictError)
  const otherChain = { ...claim, chainId: 1 }
  await expect(bob.call(claimName, otherChain)).rejects.toBeInstanceOf(ConflictError)
  const stranger = pool.channel(new Uint8Array(32).fill(1))
  await expect(stranger.call(claimName, claim)).rejects.toBeInstanceOf(DeniedError)
  expect(await names()).toEqual({ waiting: 0 })
  // Handed in while the tracker had no ledger: told once it has one.
  pool.ledger = undefined
  await bob.call(claimName, elsewhere)
  relay()
  await isTold(/another registry/)
})
