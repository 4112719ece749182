import { afterEach, beforeEach, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type {
  TestMember,
  TestProviderNode,
  TestSpace,
  TrackerPool,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { testStripe, poolWithHome } from '../../../test/fixtures/tracker/tracker-pool.ts'
import type { MemoryLedgerPool } from '../../adapters/memory/memory-ledger.ts'
import { createMemoryLedger } from '../../adapters/memory/memory-ledger.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { UnreachableError } from '../../core/open/errors.ts'
import { PlacementTree, SKIPPED, isDrawn, placementDrawCodec } from '../../core/open/placement/placement.ts'
import { RAMP_BYTES, UNIT_BYTES, unitsOf } from '../../core/open/placement/provider-weight.ts'
import { ledgerStatus } from '../../core/open/protocol/log-methods.ts'
import { placeStripe } from '../../core/open/protocol/tracker-methods.ts'
import type { CapacityLedger } from './capacity-relay.ts'

const ROUND_MS = 1_000
const RETRY_MS = 1_000
const REPORT_EVERY_MS = 5_000

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
let chain: MemoryLedgerPool
let stop: AbortController
let running: Promise<void> | undefined
/** Counts the writes that went to the ledger. */
let writes: string[]
let isAway: boolean

beforeEach(async () => {
  ;({ pool, alice, home } = await poolWithHome())
  chain = createMemoryLedger({ primitives: p, ramp: unitsOf(RAMP_BYTES) })
  writes = []
  isAway = false
})
afterEach(async () => {
  await halt()
  pool.close()
})

const keyOf = (name: string) => seedOf(`reporter ${name}`)
const reporterOf = (name: string) => chain.reports.addressOf(keyOf(name))
const addProviders = (count: number) => pool.addProviders(alice, count, () => undefined, reporterOf)

/** The memory ledger, which can be away, and whose writes are counted. */
function counted(): CapacityLedger {
  const { ledger } = chain
  const awayOr = <T>(work: () => Promise<T>): Promise<T> =>
    isAway ? Promise.reject(new UnreachableError('the chain is away')) : work()
  const write = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    awayOr(() => {
      writes.push(what)
      return work()
    })
  return {
    ...ledger,
    status: () => awayOr(() => ledger.status()),
    providers: (block) => awayOr(() => ledger.providers(block)),
    admitProvider: (one) => write('admit', () => ledger.admitProvider(one)),
    reportCapacity: (list) => write(`report ${list.length}`, () => ledger.reportCapacity(list)),
    assessProviders: (list) => write(`assess ${list.length}`, () => ledger.assessProviders(list)),
  }
}

async function start(ledger = counted()): Promise<void> {
  stop = new AbortController()
  running = pool.tracker.state.capacity.relay.run(ledger, stop.signal)
  await pool.clock.sleeperAt(ROUND_MS)
}

async function halt(): Promise<void> {
  stop?.abort()
  await running
  running = undefined
}

/** The relay's next round that takes reports, and those that it makes at once. */
async function round(): Promise<void> {
  pool.clock.advance(REPORT_EVERY_MS)
  await pool.clock.sleeperAt(ROUND_MS)
}

/** A heartbeat, and with the next one what its answer asked for. */
async function beat(
  node: TestProviderNode,
  amounts: { capacity?: number; used?: number } = {},
): Promise<boolean> {
  const name = String(pool.providers.indexOf(node))
  const { ask } = await node.report(amounts)
  if (ask === undefined) return false
  const { capacity = 1e9, used = 0 } = amounts
  const body = { id: node.id, capacity: unitsOf(capacity), used: unitsOf(used), seq: ask.seq + 1 }
  const signature = await chain.reports.signReport(keyOf(name), body)
  await node.report({ ...amounts, signed: { ...body, signature } })
  return true
}
const beatAll = () => Promise.all(pool.providers.map((node) => beat(node)))
const status = () => alice.call(ledgerStatus, {})

test('providers come to the ledger with their weights, and placements are its draw at a block', async () => {
  const nodes = await addProviders(8)
  await start()
  expect(writes).toEqual(Array.from({ length: 8 }, () => 'admit'))
  expect((await chain.ledger.providers()).providers.map(({ weight }) => weight)).toEqual(nodes.map(() => 0))
  expect(await beatAll()).toEqual(nodes.map(() => true))
  await round()
  expect(writes.slice(8)).toEqual(['report 8'])
  expect(await beatAll()).toEqual(nodes.map(() => false))
  expect((await status()).capacity).toMatchObject({ providers: 8, drawable: 8, isRebalancing: false })

  await nodes[5]!.die()
  const made = testStripe('s', 4, 6)
  const { draws } = await alice.call(placeStripe, { space: home.id, stripe: made.stripe })
  const draw = placementDrawCodec.decode(draws[0]!)
  const [number, hash] = draw.block!
  expect(toHex(hash)).toBe(toHex((await chain.ledger.blockHash(number))!))
  expect(draw.skipped).toEqual([[nodes[5]!.id, SKIPPED.down]])
  const state = await chain.ledger.providers(number)
  const stripe = { stripe: made.id, scheme: made.stripe }
  expect(isDrawn(p, new PlacementTree(state), stripe, draw)).toBe(true)
  expect(state.unit).toBe(UNIT_BYTES)
})

test('a report is asked for and written when something moved by more than 2 %, and a batch once', async () => {
  const [a, b] = await addProviders(2)
  await start()
  await beatAll()
  await round()
  writes.length = 0
  expect(await beat(a!, { used: 0.015e9 })).toBe(false)
  await round()
  expect(writes).toEqual([])
  expect(await beat(a!, { used: 0.03e9 })).toBe(true)
  // Not asked again for what is under way.
  expect(await beat(a!, { used: 0.031e9 })).toBe(false)
  expect(await beat(b!, { capacity: 2e9 })).toBe(true)
  await round()
  expect(writes).toEqual(['report 2'])
  // One that flaps waits for others.
  expect(await beat(b!, { capacity: 3e9 })).toBe(true)
  pool.clock.advance(ROUND_MS)
  await pool.clock.sleeperAt(ROUND_MS)
  expect(writes).toEqual(['report 2'])
  expect(await beat(b!, { capacity: 2e9 })).toBe(false)
  await round()
  expect(writes).toEqual(['report 2'])
})

test('while the chain is away placements go on from its last weights, and what was missed is written once', async () => {
  const nodes = await addProviders(6)
  await start()
  await beatAll()
  await round()
  writes.length = 0
  isAway = true
  await beat(nodes[0]!, { used: 0.5e9 })
  pool.clock.advance(REPORT_EVERY_MS)
  await pool.clock.sleeperAt(RETRY_MS)
  expect((await status()).capacityProblem).toMatch(/away/)
  await Promise.all(nodes.map((node, i) => node.report({ used: i === 0 ? 0.5e9 : 0 })))
  const made = testStripe('s', 4, 6)
  const { draws } = await alice.call(placeStripe, { space: home.id, stripe: made.stripe })
  expect(placementDrawCodec.decode(draws[0]!).block).toBeDefined()
  isAway = false
  await round()
  expect(writes.filter((what) => what !== 'report 1')).toEqual([])
  expect((await chain.ledger.provider(nodes[0]!.id))?.used).toBe(unitsOf(0.5e9))
  expect((await status()).capacityProblem).toBeUndefined()
  await halt()
  writes.length = 0
  await start()
  expect(writes).toEqual([])
})

test('who signs wrongly, or was admitted otherwise, keeps nobody else from the ledger', async () => {
  const nodes = await addProviders(3)
  await chain.ledger.admitProvider({
    id: nodes[2]!.id,
    endpointKey: nodes[2]!.net,
    operator: seedOf('another operator'),
    domain: seedOf('another operator'),
    reporter: reporterOf('nobody'),
  })
  await start()
  expect(writes).toEqual(['admit', 'admit'])
  // Its key isn't the one that the ledger knows.
  expect((await nodes[2]!.report()).ask).toBeUndefined()
  const { ask } = await nodes[0]!.report()
  const body = { id: nodes[0]!.id, capacity: 900, used: 0, seq: ask!.seq + 1 }
  const forged = await chain.reports.signReport(keyOf('somebody'), body)
  await nodes[0]!.report({ signed: { ...body, signature: forged } })
  await beat(nodes[1]!)
  await round()
  expect(writes.slice(2)).toEqual(['report 1'])
  expect((await chain.ledger.provider(nodes[1]!.id))?.weight).toBe(unitsOf(1e9))
  expect((await chain.ledger.provider(nodes[0]!.id))?.weight).toBe(0)
  // Asked again, and believed when it signs.
  expect(await beat(nodes[0]!)).toBe(true)
})

test('beyond the ramp a provider weighs as much more as writers had it store, and nobody found damaged', async () => {
  chain = createMemoryLedger({ primitives: p, ramp: 10 })
  const nodes = await addProviders(3)
  const weightOf = async (node: TestProviderNode) => (await chain.ledger.provider(node.id))?.weight
  await start()
  await beatAll()
  await round()
  expect(await weightOf(nodes[0]!)).toBe(10)
  await Promise.all(nodes.map((node) => node.report()))
  const made = testStripe('s', 1, 3, 3_500)
  await pool.storeStripe(alice, home, made)
  // What is held is counted now and then.
  pool.clock.advance(600_000)
  await pool.clock.sleeperAt(ROUND_MS)
  expect(await weightOf(nodes[0]!)).toBe(10 + unitsOf(made.stripe.shards[0]![1]))
  await nodes[0]!.report({ damaged: [[made.stripe.shards[shardAt(nodes[0]!)]![0], 1]] })
  pool.clock.advance(600_000)
  await pool.clock.sleeperAt(ROUND_MS)
  expect(await weightOf(nodes[0]!)).toBe(10)

  function shardAt(node: TestProviderNode): number {
    const { holders } = pool.store.read(({ stripes }) => stripes.stripe(made.id)!)
    return holders.find(({ provider }) => toHex(provider) === toHex(node.id))!.index
  }
})
