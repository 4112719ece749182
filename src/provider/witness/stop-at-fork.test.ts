import * as path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MemoryLogStorage } from '../../../test/fixtures/log/memory-log-storage.ts'
import { seedOf, silent } from '../../../test/fixtures/provider-pool.ts'
import type {
  TestMember,
  TestProviderNode,
  TestSpace,
  TrackerPool,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { create, poolWithHome } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { openSqliteLogStore } from '../../adapters/sqlite/sqlite-log-store.ts'
import { toHex } from '../../core/open/bytes.ts'
import { ForkedError } from '../../core/open/errors.ts'
import { encodeCheckpoint, logIdentity, signCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { entryCodec, entryHash } from '../../core/open/log/entry.ts'
import { forkProofCodec, verifyForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { LogTree } from '../../core/open/log/log-tree.ts'
import { changeCodec } from '../../core/open/objects/change.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import * as logMethods from '../../core/open/protocol/log-methods.ts'
import type { Method } from '../../core/open/protocol/method.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { Connection } from '../../ports/transport.ts'
import { logProviderEvents } from '../provider-events.ts'
import { keepWitnessing, witnessNext } from './keep-witnessing.ts'
import { stopAtFork } from './stop-at-fork.ts'
import { Witness, witnessSeed } from './witness.ts'

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
let node: TestProviderNode
let store: LogStore
let witness: Witness
const seed = seedOf('cosigning')
const never = new AbortController().signal
const quiet = logProviderEvents(silent, seedOf('provider'))
const EMPTY = new Uint8Array(0)

const log = () => pool.tracker.state.log
const identity = () => logIdentity(genesisCodec.decode(pool.genesis))
const signed = (head: { size: number; root: Uint8Array }) =>
  encodeCheckpoint(p, identity(), signCheckpoint(p, identity(), pool.logSeed, head))

function open(): void {
  store = openSqliteLogStore(path.join(pool.folder, 'witness.db'))
  witness = new Witness(p, store, pool.pool, witnessSeed(store, { bytes: () => seed }))
}

beforeEach(async () => {
  ;({ pool, alice, home } = await poolWithHome())
  ;[node] = (await pool.addProviders(alice, 1, () => p.ed25519Public(seed))) as [TestProviderNode]
  open()
  log().seal()
  await witnessNext({ clock: pool.clock, events: quiet }, witness, node.dial(), undefined, never)
})
afterEach(() => {
  store.close()
  pool.close()
})

/** The tracker's answers to some methods, made up. */
function lying(answers: readonly (readonly [Method<never, never>, unknown])[]): Connection {
  const inner = node.dial()
  return {
    ...inner,
    request(id, message, options) {
      const found = answers.find(([method]) => method.id === id)
      if (found === undefined) return inner.request(id, message, options)
      const [method, answer] = found
      return Promise.resolve({ head: method.response.encode(answer as never), body: EMPTY })
    },
  }
}
const answer = <Q, A>(method: Method<Q, A>, value: A) =>
  [method as unknown as Method<never, never>, value] as const

/** Witnesses until it ends by itself, or fails once without a proof; gives the sizes that it told. */
async function witnessed(tracker: Connection): Promise<{ forks: number[]; failures: number }> {
  const abort = new AbortController()
  const forks: number[] = []
  let failures = 0
  const events = {
    ...quiet,
    logForked: (size: number) => void forks.push(size),
    witnessFailed() {
      failures++
      abort.abort()
    },
  }
  const options = { witness, known: Promise.resolve(), dial: () => Promise.resolve(tracker) }
  await keepWitnessing({ clock: pool.clock, events }, options, abort.signal)
  return { forks, failures }
}

async function expectStopped(size: number): Promise<void> {
  const [kept] = pool.evidence
  expect(toHex(kept!)).toBe(toHex(witness.fork!))
  expect(verifyForkProof(p, identity(), forkProofCodec.decode(kept!)).size).toBe(size)
  // For good: not the true log either, nor after a restart.
  await alice.commit(home.id, [create('later', home.root)])
  log().seal()
  store.close()
  open()
  expect(witness.fork).toBeDefined()
  expect(await witnessed(node.dial())).toEqual({ forks: [witness.size], failures: 0 })
  await expect(
    witnessNext({ clock: pool.clock, events: quiet }, witness, node.dial(), undefined, never),
  ).rejects.toBeInstanceOf(ForkedError)
}

test('another root at the size that it signed', async () => {
  const { size } = witness
  const tracker = lying([
    answer(logMethods.nextCheckpoint, { note: signed({ size, root: seedOf('other') }) }),
  ])
  expect(await witnessed(tracker)).toEqual({ forks: [size], failures: 0 })
  await expectStopped(size)
})

test('another root at a smaller size', async () => {
  const size = witness.size - 1
  const tracker = lying([
    answer(logMethods.nextCheckpoint, { note: signed({ size, root: seedOf('other') }) }),
  ])
  expect(await witnessed(tracker)).toEqual({ forks: [size], failures: 0 })
  await expectStopped(size)
})

test('a larger head that continues another history', async () => {
  const { size } = witness
  const leaves = pool.store
    .read(({ proofs }) => proofs.leaves(0, size))
    .map((leaf) => entryHash(p.sha256, leaf))
  const other = new LogTree(p.sha256, new MemoryLogStorage(), 0)
  for (const leaf of [...leaves.slice(0, -1), seedOf('other'), seedOf('more')]) other.append(leaf)
  const next = { size: size + 1, root: other.root() }
  const tracker = lying([
    answer(logMethods.nextCheckpoint, { note: signed(next) }),
    answer(logMethods.logEntries, { entries: [{ leaf: Uint8Array.of(1), changes: [] }], size: size + 1 }),
    answer(logMethods.logConsistency, { proof: other.consistency(size, size + 1) }),
  ])
  // What it was served is no entry at all: the heads alone convict.
  expect(await witnessed(tracker)).toEqual({ forks: [size + 1], failures: 0 })
  await expectStopped(size)
})

test('an operation that names a head of another history', async () => {
  const { size } = witness
  const head = { size: size - 1, root: seedOf('other') }
  const { signature } = signCheckpoint(p, identity(), pool.logSeed, head)
  const changes = [changeCodec.encode(create('a', home.root))]
  const [body, signatures] = alice.sign(home.id, changes, { head: { ...head, signature } })
  const { index, time } = await alice.commit(home.id, [create('a', home.root)])
  const entry = entryCodec.decode(pool.store.read(({ proofs }) => proofs.leaf(index)!.leaf))
  let error: unknown
  try {
    witness.follow({ leaf: entryCodec.encode({ ...entry, time, body, signatures }), changes })
  } catch (thrown) {
    error = thrown
  }
  witness.forget()
  expect(await stopAtFork(witness, node.dial(), error, quiet, never)).toBe(true)
  await expectStopped(size - 1)
})

test('what proves nothing is refused and no more', async () => {
  const next = { size: witness.size + 1, root: seedOf('other') }
  const entries = [{ leaf: pool.store.read(({ proofs }) => proofs.leaf(0)!.leaf), changes: [] }]
  const tracker = lying([
    answer(logMethods.nextCheckpoint, { note: signed(next) }),
    answer(logMethods.logEntries, { entries, size: next.size }),
    answer(logMethods.logConsistency, { proof: [seedOf('x')] }),
  ])
  expect(await witnessed(tracker)).toEqual({ forks: [], failures: 1 })
  expect(witness.fork).toBeUndefined()
  expect(pool.evidence).toEqual([])
  await alice.commit(home.id, [create('a', home.root)])
  log().seal()
  await witnessNext({ clock: pool.clock, events: quiet }, witness, node.dial(), undefined, never)
  expect(witness.size).toBe(log().session.size)
})
