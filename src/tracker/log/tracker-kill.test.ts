/** A tracker that dies at each of its writes, just before it or just after: what it had answered stays true. */
import { expect, test } from 'vitest'
import { seedOf, silent } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestProviderNode, TestSpace } from '../../../test/fixtures/tracker/tracker-pool.ts'
import {
  TestMember as Member,
  TrackerPool,
  create,
  nodeOf,
  remove,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { MemoryLogStorage } from '../../../test/fixtures/log/memory-log-storage.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { logIdentity } from '../../core/open/log/heads/checkpoint.ts'
import { entryHash } from '../../core/open/log/entry.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import { verifyHead } from '../../core/open/log/heads/verify-head.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import * as logMethods from '../../core/open/protocol/log-methods.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { TrackerReader, TrackerStore, TrackerWriter } from '../../ports/tracker-store.ts'
import { witnessNext } from '../../provider/witness/keep-witnessing.ts'
import { Witness } from '../../provider/witness/witness.ts'
import { logProviderEvents } from '../../provider/provider-events.ts'

class KilledError extends Error {}

/** Dies at its n-th write: before it, or when it is durable and nobody has heard of it. */
class DyingStore implements TrackerStore {
  readonly #inner: TrackerStore
  readonly #when: 'before' | 'after'
  #left: number
  isDead = false

  constructor(inner: TrackerStore, left: number, when: 'before' | 'after') {
    this.#inner = inner
    this.#left = left
    this.#when = when
  }

  read<T>(work: (tables: TrackerReader) => T): T {
    if (this.isDead) throw new KilledError()
    return this.#inner.read(work)
  }

  write<T>(work: (tables: TrackerWriter) => T): T {
    if (this.isDead) throw new KilledError()
    this.isDead = --this.#left < 0
    if (this.isDead && this.#when === 'before') throw new KilledError()
    const result = this.#inner.write(work)
    if (this.isDead) throw new KilledError()
    return result
  }

  close(): void {
    this.#inner.close()
  }
}

/** A witness's store in memory: this test is about the tracker. */
function memoryStore(): LogStore {
  const storage = new MemoryLogStorage()
  return {
    read: (work) => work(storage),
    write: (work) => storage.transaction(() => work(storage)),
    close() {},
  }
}

/** Everything that was answered before the end. */
interface Heard {
  alice: TestMember | undefined
  home: TestSpace | undefined
  readonly nodes: TestProviderNode[]
  readonly promises: Signed[]
  pin: Checkpoint | undefined
}

const seeds = [0, 1, 2].map((i) => seedOf(`cosigning ${i}`))

async function live(pool: TrackerPool, witnesses: Witness[], heard: Heard): Promise<void> {
  const alice = await pool.found()
  heard.alice = alice
  await head(pool, heard)
  const home = await alice.createSpace('home')
  heard.home = home
  for (const seed of seeds)
    heard.nodes.push(...(await pool.addProviders(alice, 1, () => p.ed25519Public(seed))))
  for (let i = 0; i < 2; i++) {
    const a = create(`a${i}`, home.root)
    heard.promises.push((await alice.commit(home.id, [a, create(`b${i}`, home.root)])).promise)
    pool.tracker.state.log.seal()
    await cosignAll(pool, witnesses, heard)
    await head(pool, heard)
    heard.promises.push((await alice.commit(home.id, [remove(nodeOf(a, undefined))])).promise)
  }
  pool.tracker.state.log.seal()
}

async function cosignAll(pool: TrackerPool, witnesses: Witness[], { nodes }: Heard): Promise<void> {
  const state = { clock: pool.clock, events: logProviderEvents(silent, seedOf('provider')) }
  for (const [i, node] of nodes.entries())
    await witnessNext(state, witnesses[i]!, node.dial(), undefined, new AbortController().signal)
}

/** The newest head, which must continue what was seen before. */
async function head(pool: TrackerPool, heard: Heard): Promise<void> {
  const { pin, alice } = heard
  const { head: served } = await alice!.call(logMethods.logHead, { from: pin?.size })
  const { tracker, witnesses } = await alice!.call(logMethods.listWitnesses, {})
  const log = logIdentity(genesisCodec.decode(pool.genesis))
  const verdict = verifyHead(p, { log, tracker, witnesses }, pin, served!)
  expect(verdict.kind).toBe('valid')
  if (verdict.kind === 'valid') heard.pin = verdict.view.checkpoint
}

/** Lives until the store dies; whether it did. */
async function dies(pool: TrackerPool, at: number, when: 'before' | 'after'): Promise<boolean> {
  const stores: DyingStore[] = []
  const witnesses = seeds.map((seed) => new Witness(p, memoryStore(), pool.pool, seed))
  const heard: Heard = { alice: undefined, home: undefined, nodes: [], promises: [], pin: undefined }
  const die = (store: TrackerStore) => {
    const dying = new DyingStore(store, at, when)
    stores.push(dying)
    return dying
  }
  try {
    pool.reopen(die)
    await live(pool, witnesses, heard)
  } catch (error) {
    if (!(error instanceof KilledError)) throw error
  }
  const wasKilled = stores.some(({ isDead }) => isDead)
  pool.reopen()
  await checkAfter(pool, witnesses, heard)
  return wasKilled
}

async function checkAfter(pool: TrackerPool, witnesses: Witness[], heard: Heard): Promise<void> {
  const { log } = pool.tracker.state
  expect(pool.store.read((tables) => tables.log.size())).toBe(log.session.size)
  for (const promise of heard.promises) {
    const { index, hash } = promiseCodec.decode(promise[0])
    const leaf = pool.store.read(({ proofs }) => proofs.leaf(index)!.leaf)
    expect(toHex(entryHash(p.sha256, leaf))).toBe(toHex(hash))
  }
  const { alice, home } = heard
  if (alice === undefined) return
  // What was in flight may have been logged: the device asks.
  const progress = await alice.call(methods.deviceState, {})
  alice.counter = progress.counter
  alice.prevOp = progress.prevOp
  if (home !== undefined) await alice.commit(home.id, [create('after', home.root)])
  log.seal()
  await cosignAll(pool, witnesses, heard)
  const { witnesses: named } = await alice.call(logMethods.listWitnesses, {})
  // A provider whose registration was in flight counts already, and has not heard of it.
  if (named.length === heard.nodes.length) await head(pool, heard)
  // The whole log follows from its genesis.
  const anew = new Witness(p, memoryStore(), pool.pool, seedOf('anew'))
  const { entries } = await alice.call(logMethods.logEntries, { from: 0, count: 256, changes: true })
  for (const entry of entries) anew.follow(entry)
  expect(anew.size).toBe(log.session.size)
}

test.each(['before', 'after'] as const)(
  'killed just %s any of its writes, it goes on with all that it had said',
  async (when) => {
    let at = 0
    for (; ; at++) {
      const pool = new TrackerPool()
      try {
        pool.prepare(new Member(pool, 'alice'))
        if (!(await dies(pool, at, when))) break
      } finally {
        pool.close()
      }
    }
    // Founding, a space, three providers, four commits, heads and their lines.
    expect(at).toBeGreaterThan(25)
  },
  120_000,
)
