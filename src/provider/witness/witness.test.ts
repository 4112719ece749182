import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type {
  TestMember,
  TestProviderNode,
  TestSpace,
  TrackerPool,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { create, nodeOf, remove, poolWithHome } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { openSqliteLogStore } from '../../adapters/sqlite/sqlite-log-store.ts'
import { toHex } from '../../core/open/bytes.ts'
import {
  DeniedError,
  ForkedError,
  MalformedError,
  UnreachableError,
  UntrustedError,
} from '../../core/open/errors.ts'
import { encodeCheckpoint, logIdentity, signCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import type { LogEntry } from '../../core/open/log/entry.ts'
import { entryCodec, entryHash, headsCodec } from '../../core/open/log/entry.ts'
import { verifyHead } from '../../core/open/log/heads/verify-head.ts'
import { merkleRoot } from '../../core/open/merkle.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import * as logMethods from '../../core/open/protocol/log-methods.ts'
import type { Method } from '../../core/open/protocol/method.ts'
import { aborted } from '../../ports/aborted.ts'
import type { LogStore } from '../../ports/log-store.ts'
import type { Connection } from '../../ports/transport.ts'
import type { ProviderEvents } from '../provider-events.ts'
import { logProviderEvents } from '../provider-events.ts'
import { silent } from '../../../test/fixtures/provider-pool.ts'
import { keepWitnessing, witnessNext } from './keep-witnessing.ts'
import { Witness, witnessSeed } from './witness.ts'

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
let stores: LogStore[]
let witnesses: Witness[]
let nodes: TestProviderNode[]
const events: ProviderEvents = logProviderEvents(silent, seedOf('provider'))
const never = new AbortController().signal
const seeds = [0, 1, 2, 3].map((i) => seedOf(`cosigning ${i}`))

const openStore = (i: number) => openSqliteLogStore(path.join(pool.folder, `witness-${i}.db`))
const state = () => ({ clock: pool.clock, events })

beforeEach(async () => {
  ;({ pool, alice, home } = await poolWithHome())
  nodes = await pool.addProviders(alice, 4, (i) => p.ed25519Public(seeds[i]!))
  stores = seeds.map((_, i) => openStore(i))
  for (const [i, store] of stores.entries())
    expect(toHex(witnessSeed(store, { bytes: () => seeds[i]! }))).toBe(toHex(seeds[i]!))
  witnesses = stores.map((store, i) => new Witness(p, store, pool.pool, seeds[i]!))
})
afterEach(() => {
  for (const store of stores) store.close()
  pool.close()
})

const log = () => pool.tracker.state.log
const identity = () => logIdentity(genesisCodec.decode(pool.genesis))
const round = (i: number, connection: Connection = nodes[i]!.dial()) =>
  witnessNext(state(), witnesses[i]!, connection, undefined, never)

/** What a client holds the log against. */
async function trust() {
  const { tracker, witnesses: named } = await alice.call(logMethods.listWitnesses, {})
  return { log: identity(), tracker, witnesses: named }
}

/** A tracker that answers one method otherwise. */
function lying<Request, Response>(
  inner: Connection,
  method: Method<Request, Response>,
  change: (answer: Response, request: Request) => Response,
): Connection {
  return {
    ...inner,
    async request(id, message) {
      const answer = await inner.request(id, message)
      if (id !== method.id) return answer
      const bytes = answer.head.length > 0 ? answer.head : answer.body
      const asked = method.request.decode(message.head.length > 0 ? message.head : message.body)
      const head = method.response.encode(change(method.response.decode(bytes), asked))
      return { head, body: new Uint8Array(0) }
    },
  }
}

type Entries = ReturnType<(typeof logMethods.logEntries)['response']['decode']>['entries']

/** The log with one entry another, its roots and its checkpoint made to fit: what a tracker that owns the log key can serve. */
function forged(inner: Connection, alter: (entry: LogEntry) => Partial<LogEntry>): Connection {
  const leavesOf = () => {
    const { store } = pool
    return store.read(({ proofs }) => proofs.leaves(0, 10_000)).map((leaf) => change(leaf))
  }
  const change = (leaf: Uint8Array) => {
    const entry = entryCodec.decode(leaf)
    return entryCodec.encode({ ...entry, ...alter(entry) })
  }
  const entries = lying(inner, logMethods.logEntries, (answer) => ({
    ...answer,
    entries: answer.entries.map((entry) => ({ ...entry, leaf: change(entry.leaf) })) satisfies Entries,
  }))
  return lying(entries, logMethods.nextCheckpoint, () => {
    const leaves = leavesOf().map((leaf) => entryHash(p.sha256, leaf))
    const head = { size: leaves.length, root: merkleRoot(p.sha256, leaves) }
    return { note: encodeCheckpoint(p, identity(), signCheckpoint(p, identity(), pool.logSeed, head)) }
  })
}

describe('witness', () => {
  test('a head is served once a quorum of operators has cosigned it, and clients verify it', async () => {
    log().seal()
    expect(log().served).toBeUndefined()
    await round(0)
    await round(1)
    expect(log().served).toBeUndefined()
    await round(2)
    expect(log().served?.checkpoint.size).toBe(log().session.size)
    const { head } = await alice.call(logMethods.logHead, {})
    const verdict = verifyHead(p, await trust(), undefined, head!)
    expect(verdict.kind).toBe('valid')
    expect(verdict.kind === 'valid' && verdict.view.isWitnessed).toBe(true)
    const status = await alice.call(logMethods.ledgerStatus, {})
    expect(status).toMatchObject({ operators: 4, quorum: 3, fresh: 3 })
  })

  test('the head before stays served, with its map, until the next has its quorum', async () => {
    log().seal()
    for (const i of [0, 1, 2]) await round(i)
    const served = log().served!
    const a = create('a', home.root)
    await alice.commit(home.id, [a])
    log().seal()
    expect(log().served).toBe(served)
    const point = { points: [seedOf('x')], prefixes: [], entries: false }
    const answer = await alice.call(logMethods.mapProof, point)
    expect(verifyHead(p, await trust(), undefined, answer.head!).kind).toBe('valid')
    for (const i of [1, 2, 3]) await round(i)
    expect(log().served?.checkpoint.size).toBe(served.checkpoint.size + 2)
  })

  test('asked for a head that covers a commit, the tracker seals it and waits for its witnesses', async () => {
    log().seal()
    for (const i of [0, 1, 2]) await round(i)
    const { index } = await alice.commit(home.id, [create('a', home.root)])
    const asked = alice.call(logMethods.logHead, { covers: index + 1 })
    for (const i of [3, 1, 0]) await round(i)
    const verdict = verifyHead(p, await trust(), undefined, (await asked).head!)
    expect(verdict.kind === 'valid' && verdict.view.checkpoint.size).toBe(index + 2)
  })

  test('a large batch waits behind what a provider serves, unless a reader waits for its head', async () => {
    log().seal()
    for (const i of [0, 1, 2]) await round(i)
    let waits = 0
    const busy = {
      clock: {
        now: () => pool.clock.now(),
        monotonic: () => pool.clock.monotonic(),
        sleep: () => Promise.resolve(),
      },
      events,
      activity: { quiet: () => Promise.resolve(void waits++) },
    }
    const all = async () => {
      for (const i of [0, 1, 2]) await witnessNext(busy, witnesses[i]!, nodes[i]!.dial(), undefined, never)
    }
    const many = (name: string) => Array.from({ length: 1_500 }, (_, i) => create(`${name}${i}`, home.root))
    await alice.commit(home.id, many('a'))
    log().seal()
    await all()
    expect(waits).toBe(3)
    const { index } = await alice.commit(home.id, many('b'))
    const asked = alice.call(logMethods.logHead, { covers: index + 1 })
    await all()
    expect(waits).toBe(3)
    const verdict = verifyHead(p, await trust(), undefined, (await asked).head!)
    expect(verdict.kind === 'valid' && verdict.view.checkpoint.size).toBe(index + 2)
  })

  test('a head that is asked for while it is put off is taken up at once, though the provider goes on serving', async () => {
    log().seal()
    for (const i of [0, 1, 2]) await round(i)
    const many = Array.from({ length: 1_500 }, (_, i) => create(`a${i}`, home.root))
    const { index } = await alice.commit(home.id, many)
    log().seal()
    const putOff = [0, 1, 2].map(() => Promise.withResolvers<void>())
    const signing = putOff.map(({ resolve }, i) => {
      const clock = {
        now: () => pool.clock.now(),
        monotonic: () => pool.clock.monotonic(),
        sleep: () => new Promise<void>((wake) => setImmediate(wake)),
      }
      const quiet = (_ms: number, _longest: number, signal: AbortSignal) => {
        resolve()
        return aborted(signal)
      }
      const busy = { clock, events, activity: { quiet } }
      return witnessNext(busy, witnesses[i]!, nodes[i]!.dial(), undefined, never)
    })
    await Promise.all(putOff.map(({ promise }) => promise))
    expect(log().served!.checkpoint.size).toBeLessThanOrEqual(index)
    const asked = alice.call(logMethods.logHead, { covers: index + 1 })
    await Promise.all(signing)
    const verdict = verifyHead(p, await trust(), undefined, (await asked).head!)
    expect(verdict.kind === 'valid' && verdict.view.checkpoint.size).toBe(index + 2)
  })

  test('nobody waits for a quorum that is down: what is served stays', async () => {
    log().seal()
    for (const i of [0, 1, 2]) await round(i)
    const { size } = log().served!.checkpoint
    const { index } = await alice.commit(home.id, [create('a', home.root)])
    for (const node of nodes.slice(0, 2)) await node.die()
    // The clock stands: whoever waited would do so for ever.
    const { head } = await alice.call(logMethods.logHead, { covers: index + 1 })
    const verdict = verifyHead(p, await trust(), undefined, head!)
    expect(verdict.kind === 'valid' && verdict.view.checkpoint.size).toBe(size)
    expect(log().sealed?.checkpoint.size).toBe(index + 2)
  })

  test('goes on after a restart where it was; a kill between heads begins at the last one', async () => {
    log().seal()
    await round(0)
    const size = witnesses[0]!.size
    await alice.commit(home.id, [create('a', home.root)])
    log().seal()
    // It has followed an entry, and is killed before the head.
    const { entries } = await nodes[0]!.channel.call(logMethods.logEntries, {
      from: size,
      count: 1,
      changes: true,
    })
    witnesses[0]!.follow(entries[0]!)
    stores[0]!.close()
    stores[0] = openStore(0)
    witnesses[0] = new Witness(p, stores[0], pool.pool, seeds[0]!)
    expect(witnesses[0].size).toBe(size)
    await round(0)
    expect(witnesses[0].size).toBe(log().session.size)
    expect(toHex(witnessSeed(stores[0], { bytes: () => seedOf('another') }))).toBe(toHex(seeds[0]!))
  })

  test('catches up over many heads, each made durable on the way', async () => {
    for (let i = 0; i < 5; i++) {
      await alice.commit(home.id, [create(`n${i}`, home.root), create(`m${i}`, home.root)])
      log().seal()
    }
    await round(3)
    expect(witnesses[3]!.size).toBe(log().session.size)
    expect(witnesses[3]!.isSettled).toBe(true)
  })

  test('attack 13: a map that does not follow from the log is not cosigned', async () => {
    log().seal()
    await round(0)
    await alice.commit(home.id, [create('a', home.root)])
    log().seal()
    const at = log().session.size - 1
    const liar = forged(nodes[0]!.dial(), ({ index, body }) =>
      index === at ? { body: headsCodec.encode({ ...headsCodec.decode(body), map: seedOf('map') }) } : {},
    )
    await expect(round(0, liar)).rejects.toBeInstanceOf(UntrustedError)
    witnesses[0]!.forget()
    // The true log is.
    await round(0)
    expect(witnesses[0]!.size).toBe(at + 1)
  })

  test('attacks 7 and 8: what the rules refuse touches nothing; time does not go back', async () => {
    log().seal()
    await round(0)
    const a = create('a', home.root)
    await alice.commit(home.id, [a])
    await alice.commit(home.id, [remove(nodeOf(a, undefined))])
    log().seal()
    const size = witnesses[0]!.size
    // The operation of the entry before, again: its counter is used.
    const first = pool.store.read(({ log: entries }) => entries.entry(size)!)
    const replayed = forged(nodes[0]!.dial(), ({ index }) =>
      index === size + 1 ? { body: first.body, signatures: first.signatures } : {},
    )
    await expect(round(0, replayed)).rejects.toBeInstanceOf(UntrustedError)
    witnesses[0]!.forget()
    const backdated = forged(nodes[0]!.dial(), ({ index, time }) =>
      index === size + 1 ? { time: time - 1_000 } : {},
    )
    await expect(round(0, backdated)).rejects.toBeInstanceOf(UntrustedError)
    witnesses[0]!.forget()
    await round(0)
  })

  test('attack 8: a head whose time is not the witness’s is not signed', async () => {
    log().seal()
    pool.clock.advance(301_000)
    await expect(round(0)).rejects.toBeInstanceOf(UntrustedError)
  })

  test('attack 14: no second history: another entry under a signed checkpoint of the same size, a smaller one', async () => {
    log().seal()
    await round(0)
    const { size } = witnesses[0]!
    const root = seedOf('another history')
    const fork = encodeCheckpoint(p, identity(), signCheckpoint(p, identity(), pool.logSeed, { size, root }))
    const other = lying(nodes[0]!.dial(), logMethods.nextCheckpoint, () => ({ note: fork }))
    await expect(round(0, other)).rejects.toBeInstanceOf(ForkedError)
    witnesses[0]!.forget()
    const less = { size: size - 1, root: log().session.tree.root(size - 1) }
    const smaller = encodeCheckpoint(p, identity(), signCheckpoint(p, identity(), pool.logSeed, less))
    const rolled = lying(nodes[0]!.dial(), logMethods.nextCheckpoint, () => ({ note: smaller }))
    await expect(round(0, rolled)).rejects.toBeInstanceOf(UntrustedError)
    witnesses[0]!.forget()
    await alice.commit(home.id, [create('a', home.root)])
    log().seal()
    // Nor a larger one whose way there isn't shown.
    const lies = lying(nodes[0]!.dial(), logMethods.nextCheckpoint, () => ({
      note: encodeCheckpoint(
        p,
        identity(),
        signCheckpoint(p, identity(), pool.logSeed, { size: log().session.size, root }),
      ),
    }))
    await expect(round(0, lies)).rejects.toBeInstanceOf(ForkedError)
    witnesses[0]!.forget()
    await round(0)
  })

  test('a log of another pool, or signed by another key, is not witnessed', async () => {
    log().seal()
    const other = new Witness(p, stores[0]!, seedOf('another pool'), seeds[0]!)
    await expect(witnessNext(state(), other, nodes[0]!.dial(), undefined, never)).rejects.toThrow(
      UntrustedError,
    )
    const head = { size: log().session.size, root: log().session.tree.root() }
    const forgery = encodeCheckpoint(p, identity(), signCheckpoint(p, identity(), seedOf('mallory'), head))
    const liar = lying(nodes[1]!.dial(), logMethods.nextCheckpoint, () => ({ note: forgery }))
    await expect(round(1, liar)).rejects.toBeInstanceOf(UntrustedError)
  })

  test('the tracker takes lines of witnesses alone, and true ones', async () => {
    log().seal()
    const size = log().session.size
    const call = (i: number, signature: Uint8Array) =>
      nodes[i]!.channel.call(logMethods.cosignCheckpoint, { size, signature })
    await expect(call(0, new Uint8Array(72))).rejects.toBeInstanceOf(UntrustedError)
    await expect(call(0, new Uint8Array(3))).rejects.toBeInstanceOf(MalformedError)
    const [plain] = await pool.addProviders(alice, 1)
    await expect(
      plain!.channel.call(logMethods.cosignCheckpoint, { size, signature: new Uint8Array(72) }),
    ).rejects.toBeInstanceOf(DeniedError)
    await expect(
      alice.call(logMethods.cosignCheckpoint, { size, signature: new Uint8Array(72) }),
    ).rejects.toBeInstanceOf(DeniedError)
  })

  test('in the background it signs each new head, over breaks, until it is told to end', async () => {
    const abort = new AbortController()
    const failed: number[] = []
    const running = [0, 1, 2].map((i) =>
      keepWitnessing(
        { clock: pool.clock, events: { ...events, witnessFailed: () => failed.push(i) } },
        { witness: witnesses[i]!, known: Promise.resolve(), dial: () => Promise.resolve(nodes[i]!.dial()) },
        abort.signal,
      ),
    )
    for (let i = 0; i < 3; i++) {
      await alice.commit(home.id, [create(`n${i}`, home.root)])
      const size = log().session.size
      const { head } = await alice.call(logMethods.logHead, { covers: size })
      const verdict = verifyHead(p, await trust(), undefined, head!)
      expect(verdict.kind === 'valid' && verdict.view.checkpoint.size).toBe(size + 1)
    }
    expect(failed).toEqual([])
    abort.abort()
    pool.clock.advance(60_000)
    await Promise.all(running)
    expect(witnesses.slice(0, 3).map(({ size }) => size)).toEqual([1, 1, 1].map(() => log().session.size))
  })

  test('in the background it is back as soon as the tracker is, however long its pause would be', async () => {
    log().seal()
    const abort = new AbortController()
    let isAway = true
    let back = Promise.withResolvers<void>()
    const signed = Promise.withResolvers<void>()
    const failed = Promise.withResolvers<void>()
    const running = keepWitnessing(
      {
        clock: pool.clock,
        events: {
          ...events,
          checkpointSigned: () => signed.resolve(),
          witnessFailed: () => failed.resolve(),
        },
      },
      {
        witness: witnesses[0]!,
        known: Promise.resolve(),
        returned: () => back.promise,
        dial: () =>
          isAway ? Promise.reject(new UnreachableError('away')) : Promise.resolve(nodes[0]!.dial()),
      },
      abort.signal,
    )
    await failed.promise
    isAway = false
    back.resolve()
    back = Promise.withResolvers()
    // The clock stands.
    await signed.promise
    abort.abort()
    pool.clock.advance(60_000)
    await running
  })
})
