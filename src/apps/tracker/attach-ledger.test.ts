import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/fixtures/processes/process-pool.ts'
import { seedOf, silent } from '../../../test/fixtures/provider-pool.ts'
import { TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { StepClock } from '../../adapters/evm/testing/step-clock.fixture.ts'
import { createMemoryLedger } from '../../adapters/memory/memory-ledger.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { BlockRef } from '../../ports/ledger-chain.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { AttachedLedger } from './attach-ledger.ts'
import { attachLedger } from './attach-ledger.ts'

const EVERY_MS = 1_000

let pool: TrackerPool
let clock: StepClock
let attached: AttachedLedger | undefined
/** The newest final block; undefined: the chain's newest. */
let final: BlockRef | undefined
let away: boolean
let statuses: number
let problems: (string | undefined)[]
beforeEach(async () => {
  pool = new TrackerPool()
  await pool.found()
  clock = new StepClock()
  final = undefined
  away = false
  statuses = 0
  problems = []
})
afterEach(async () => {
  await attached?.close()
  pool.close()
})

/** A chain whose final block a test moves, and that can be away; opening it fails with these first. */
function attach(...failures: readonly Error[]): Ledger {
  const left = [...failures]
  const { ledger } = createMemoryLedger({ primitives: p })
  const chain: Ledger = {
    ...ledger,
    async status() {
      statuses++
      if (away) throw new UnreachableError('the node does not answer')
      const found = await ledger.status()
      return { ...found, chain: { ...found.chain, final: final ?? found.chain.final } }
    },
  }
  const { log, names, capacity } = pool.tracker.state
  attached = attachLedger({
    open: async () => {
      const failure = left.shift()
      if (failure !== undefined) throw failure
      return chain
    },
    onProblem: (problem) => problems.push(problem),
    pool: Promise.resolve(seedOf('pool')),
    log,
    names,
    capacity: capacity.relay,
    clock,
    logger: silent,
    everyMs: EVERY_MS,
  })
  return ledger
}

const anchor = () => pool.tracker.state.log.anchor

/** Lets time pass until anchoring has looked at the chain once more. */
async function looked(): Promise<void> {
  const before = statuses
  await until(async () => {
    clock.advance(EVERY_MS)
    return statuses > before ? true : undefined
  })
}

test('the next heads entry tells of a final block, and of another one when that was taken back', async () => {
  pool.tracker.state.log.seal()
  const ledger = attach()
  const first = await until(async () => anchor())
  const head = (await ledger.latestHead())!
  const { block } = (await ledger.status()).chain
  expect(first).toEqual({ size: head.size, root: head.root, block: block.number, blockHash: block.hash })

  // No newer head comes: the same one stands at the same index, in a block of another hash.
  final = { number: block.number, hash: seedOf('another block') }
  await looked()
  await until(async () => (anchor()?.blockHash === final!.hash ? true : undefined))
  expect(anchor()).toEqual({ ...first, blockHash: final.hash })
})

test('a head in a block that is not final yet is not told of, and none is while the chain is away', async () => {
  pool.tracker.state.log.seal()
  final = { number: 0, hash: seedOf('genesis block') }
  const ledger = attach()
  await until(async () => ((await ledger.headCount()) > 0 ? true : undefined))
  await looked()
  expect(anchor()).toBeUndefined()
  final = undefined
  await looked()
  await until(async () => anchor())
  away = true
  await looked()
  await until(async () => (anchor() === undefined ? true : undefined))
})

test('a ledger that is of another chain is told of at once, one that is away after a while, and its coming once', async () => {
  const other = new UntrustedError('another chain')
  const gone = new UnreachableError('the node does not answer')
  attach(gone, other, other, gone, gone)
  await until(async () => {
    clock.advance(60_000)
    return attached?.access.ledger
  })
  expect(problems).toEqual(['another chain', 'the node does not answer', undefined])
})

test('a chain that is there by the second attempt is nothing to tell', async () => {
  attach(new UnreachableError('the node does not answer'))
  await until(async () => {
    clock.advance(1_000)
    return attached?.access.ledger
  })
  expect(problems).toEqual([])
})
