/**
 * A tracker that has the log's key and lies about what happened, against an unmodified client: a typed error each time, evidence on
 * disk, and nothing written. Numbers are those of the attack table.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import type { Client } from '../../src/client/client.ts'
import { createSpace } from '../../src/client/create-space.ts'
import { list } from '../../src/client/list.ts'
import { logHistory } from '../../src/client/log/log-history.ts'
import { verifyLog } from '../../src/client/log/verify-log.ts'
import { makeFolder } from '../../src/client/make-folder.ts'
import { move } from '../../src/client/move.ts'
import { remove } from '../../src/client/remove.ts'
import { equalBytes } from '../../src/core/open/bytes.ts'
import {
  AllmendError,
  ForkedError,
  NotEnoughProvidersError,
  UntrustedError,
} from '../../src/core/open/errors.ts'
import { encodeCheckpoint, openCheckpoint, signCheckpoint } from '../../src/core/open/log/checkpoint.ts'
import { ENTRY_KIND, entryCodec, entryHash, headsCodec, touchedRoot } from '../../src/core/open/log/entry.ts'
import { LogTree } from '../../src/core/open/log/log-tree.ts'
import { promiseCodec } from '../../src/core/open/log/promise.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import type { NodeView, OperationView } from '../../src/core/open/protocol/tracker-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import { MemoryLogStorage } from '../fixtures/memory-log-storage.ts'
import { Meddler, meddlingTransport } from '../fixtures/meddling-transport.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** Waits pass a hundred times faster, and `now` can be set ahead. */
class FastClock implements Clock {
  ahead = 0
  now(): number {
    return nodeClock.now() + this.ahead
  }
  monotonic(): number {
    return nodeClock.monotonic() * 100
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return nodeClock.sleep(ms / 100, signal)
  }
}

let pool: TestPool
let tracker: Meddler
let client: Client
let clock: FastClock
let logSeed: Uint8Array

beforeAll(async () => {
  // Four operators: three of them make a quorum.
  pool = await startTestPool({ providers: 4 })
  await makeFolder(pool.alice, { path: '/home/a' })
  await makeFolder(pool.alice, { path: '/home/a/one' })
  await makeFolder(pool.alice, { path: '/home/a/two' })
  await createSpace(pool.alice, { name: 'second' })
  logSeed = fs.readFileSync(path.join(pool.folder, 'tracker', 'log.key'))
})
afterAll(() => pool.close())

/** Each test has a device of its own: what it has seen is its own, and so is what it froze at. */
let devices = 0
beforeEach(async () => {
  const other = await pool.device(`victim-${devices++}`)
  await names(other, '/home/a')
  await other.close()
  tracker = new Meddler()
  clock = new FastClock()
  client = await pool.reopen(other, {
    clock,
    wrap: (transport) => meddlingTransport(transport, pool.tracker.peerId, tracker),
  })
})
afterEach(() => client.close())

/** What was written so far is in a head: before, serving the state of some seconds ago is no lie. */
async function integrated(): Promise<void> {
  const { log } = pool.alice
  await log.prove({ points: [], prefixes: [], covers: await log.size() })
}

async function names(of: Client, folder: string): Promise<string[]> {
  of.trees.forget()
  const found: string[] = []
  for await (const { name } of list(of, { path: folder })) found.push(name)
  return found.sort()
}

async function errorOf(work: Promise<unknown>): Promise<AllmendError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(AllmendError)
  return error as AllmendError
}

/** The work fails as untrusted, with evidence on disk and exit code 7. */
async function expectCaught(work: Promise<unknown>, message?: RegExp): Promise<AllmendError> {
  const error = await errorOf(work)
  expect(exitCodeOf(error)).toBe(7)
  if (message !== undefined) expect(error.message).toMatch(message)
  const { evidence } = error.facts
  expect(evidence, error.message).toBeTypeOf('string')
  expect(fs.statSync(evidence as string).size).toBeGreaterThan(100)
  return error
}

/** Every leaf of the log, and its tree. */
async function readLog(): Promise<{ leaves: Uint8Array[]; tree: LogTree }> {
  const { checkpoint } = (await pool.alice.log.prove({ points: [], prefixes: [] })).view
  const leaves: Uint8Array[] = []
  while (leaves.length < checkpoint.size) {
    const count = Math.min(256, checkpoint.size - leaves.length)
    const { entries } = await pool.alice.tracker.call(logMethods.logEntries, {
      from: leaves.length,
      count,
      changes: false,
    })
    leaves.push(...entries.map(({ leaf }) => leaf))
  }
  return { leaves, tree: treeOf(leaves) }
}

function treeOf(leaves: readonly Uint8Array[]): LogTree {
  const tree = new LogTree(nodePrimitives.sha256, new MemoryLogStorage(), 0)
  for (const leaf of leaves) tree.append(entryHash(nodePrimitives.sha256, leaf))
  return tree
}

/** A last leaf that names this root of the map. */
function headsLeaf(index: number, time: number, map: Uint8Array): Uint8Array {
  return entryCodec.encode({
    v: 1,
    index,
    kind: ENTRY_KIND.heads,
    time,
    body: headsCodec.encode({ v: 1, map }),
    signatures: new Uint8Array(0),
    touched: touchedRoot(nodePrimitives.sha256, []),
  })
}

/** Serves this head, signed by the log alone, wherever a head is served. */
function serveHead(tree: LogTree, leaves: readonly Uint8Array[]): Uint8Array {
  const size = leaves.length
  const { identity } = client.log
  const checkpoint = signCheckpoint(nodePrimitives, identity, logSeed, { size, root: tree.root() })
  const note = encodeCheckpoint(nodePrimitives, identity, checkpoint)
  const head = (from = 0) => ({
    note,
    consistency: from === 0 || from > size ? [] : tree.consistency(from, size),
    leaf: leaves.at(-1)!,
    path: tree.inclusion(size - 1),
  })
  tracker.on(logMethods.logHead, ({ from }) => ({ head: head(from) }))
  tracker.on(logMethods.mapProof, async (request, ask) => ({ ...(await ask()), head: head(request.from) }))
  return note
}

const bendHead = (bend: (note: string) => string) => {
  const bent = <T extends { readonly head?: { readonly note: Uint8Array } | undefined }>(answer: T): T =>
    answer.head === undefined
      ? answer
      : {
          ...answer,
          head: { ...answer.head, note: Buffer.from(bend(Buffer.from(answer.head.note).toString())) },
        }
  tracker.on(logMethods.logHead, async (_, ask) => bent(await ask()))
  tracker.on(logMethods.mapProof, async (request, ask) => bent(await ask({ ...request, from: undefined })))
}

test('the honest tracker: everything is proven, and the pool is witnessed', async () => {
  expect(await names(client, '/home/a')).toEqual(['one', 'two'])
  await makeFolder(client, { path: '/home/a/three' })
  expect(await names(client, '/home/a')).toEqual(['one', 'three', 'two'])
  await remove(client, { path: '/home/a/three' })
  expect(await names(client, '/home/a')).toEqual(['one', 'two'])
  const view = await client.log.view()
  expect(view.isWitnessed).toBe(true)
  const verdict = await verifyLog(client)
  expect(verdict.witnesses).toMatchObject({ operators: 4, needed: 3 })
  expect(verdict.witnesses.signed).toBeGreaterThanOrEqual(3)
  const history = await logHistory(client, { path: '/home/a' })
  expect(history.map(({ what, path: at }) => `${what} ${at}`)).toEqual(
    expect.arrayContaining(['create /home/a/one', 'create /home/a/three', 'delete /home/a/three']),
  )
})

describe('4: an old version, with everything about it true', () => {
  test('is not what the map names', async () => {
    await makeFolder(pool.alice, { path: '/home/old' })
    const capture = async () => {
      pool.alice.trees.forget()
      const root = (await pool.alice.trees.roots()).get('home')!
      return pool.alice.tracker.call(methods.listChildren, {
        space: root.space.id,
        node: root.id,
        cursor: undefined,
      })
    }
    const before = await capture()
    await remove(pool.alice, { path: '/home/old' })
    await integrated()
    tracker.on(methods.listChildren, () => before)
    await expectCaught(names(client, '/home'), /does not hold|older/)
  })

  test('of one node beside the newest of others', async () => {
    const root = (await client.trees.roots()).get('home')!
    const ask = { space: root.space.id, node: root.id, cursor: undefined }
    const before = await client.tracker.call(methods.listChildren, ask)
    const folder = await pool.alice.trees.resolve('/home/a')
    await move(pool.alice, { from: '/home/a', to: '/home/b' })
    await integrated()
    tracker.on(methods.listChildren, async (_, honest) => {
      const answer = await honest()
      const old = before.nodes.find(({ node }) => equalBytes(node, folder.id))!
      const shift = answer.operations.length
      return {
        ...answer,
        operations: [...answer.operations, ...before.operations],
        nodes: answer.nodes.map((view) => (equalBytes(view.node, folder.id) ? shifted(old, shift) : view)),
      }
    })
    await expectCaught(names(client, '/home'), /older version/)
    await move(pool.alice, { from: '/home/b', to: '/home/a' })
  })
})

function shifted(view: NodeView, by: number): NodeView {
  const change = (served: NodeView['meta']) => ({ ...served, operation: served.operation + by })
  return {
    ...view,
    meta: change(view.meta),
    generations: view.generations.map(change),
    ...(view.content === undefined ? {} : { content: change(view.content) }),
  }
}

describe('5: what is left out', () => {
  test('a child of a folder', async () => {
    tracker.on(methods.listChildren, async (_, ask) => {
      const answer = await ask()
      return { ...answer, nodes: answer.nodes.slice(1) }
    })
    await expectCaught(names(client, '/home/a'), /leaves out/)
  })

  test('a space', async () => {
    tracker.on(methods.listSpaces, async (_, ask) => ({ spaces: (await ask()).spaces.slice(0, 1) }))
    await expectCaught(names(client, '/'), /leaves out a space/)
  })

  test('a device of a member, or one that is none', async () => {
    tracker.on(methods.resolveMember, async (_, ask) => {
      const { member } = await ask()
      return { member: { ...member!, certificates: member!.certificates.slice(1) } }
    })
    await expectCaught(names(client, '/home/a'), /other keys/)
  })

  test('an entry that the map names', async () => {
    tracker.on(logMethods.mapProof, async (_, ask) => {
      const answer = await ask()
      return { ...answer, entries: answer.entries.slice(1) }
    })
    await expect(names(client, '/home/a')).rejects.toBeInstanceOf(UntrustedError)
  })
})

describe('7 and 8: operations altered, replayed, back-dated', () => {
  const bendOperations = (bend: (view: OperationView) => OperationView) =>
    tracker.on(methods.listChildren, async (_, ask) => {
      const answer = await ask()
      return { ...answer, operations: answer.operations.map(bend) }
    })

  test('another time, another place in the log', async () => {
    bendOperations((view) => ({ ...view, time: view.time - 60_000 }))
    await expectCaught(names(client, '/home/a'))
    bendOperations((view) => ({ ...view, index: view.index - 1 }))
    await expectCaught(names(client, '/home/a'))
  })

  test('another signature', async () => {
    bendOperations((view) => {
      const signature = view.signed[1].slice()
      signature[0]! ^= 1
      return { ...view, signed: [view.signed[0], signature] }
    })
    await expectCaught(names(client, '/home/a'))
  })

  test('entries of the log altered, dropped, in another order, twice: the first is named', async () => {
    const bends: ((leaves: Uint8Array[]) => { leaves: Uint8Array[]; first: number })[] = [
      (leaves) => ({ leaves: leaves.map((leaf, i) => (i === 3 ? flipped(leaf) : leaf)), first: 3 }),
      (leaves) => ({ leaves: [...leaves.slice(0, 4), ...leaves.slice(5)], first: 4 }),
      (leaves) => ({ leaves: [...leaves.slice(0, 4), leaves[5]!, leaves[4]!, ...leaves.slice(6)], first: 4 }),
      (leaves) => ({ leaves: [...leaves.slice(0, 4), leaves[3]!, ...leaves.slice(5)], first: 4 }),
    ]
    for (const bend of bends) {
      let first = 0
      tracker.on(logMethods.logEntries, async (_, ask) => {
        const answer = await ask()
        const bent = bend(answer.entries.map(({ leaf }) => leaf))
        first = bent.first
        return {
          ...answer,
          entries: bent.leaves.map((leaf, i) => ({
            leaf,
            changes:
              answer.entries.find((honest) => equalBytes(honest.leaf, leaf))?.changes ??
              answer.entries[i]!.changes,
          })),
        }
      })
      const error = await errorOf(verifyLog(client))
      expect(exitCodeOf(error)).toBe(7)
      expect(error.facts['index']).toBe(first)
      expect(exitCodeOf(await errorOf(logHistory(client)))).toBe(7)
    }
  })
})

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[copy.length - 3]! ^= 1
  return copy
}

describe('9: a committed operation is dropped', () => {
  test('without a promise, or with one that the log did not sign', async () => {
    tracker.on(methods.commitOperation, async (_, ask) => {
      const answer = await ask()
      const signature = answer.promise[1].slice()
      signature[5]! ^= 1
      return { ...answer, promise: [answer.promise[0], signature] as const }
    })
    const error = await errorOf(makeFolder(client, { path: '/home/a/lost' }))
    expect(exitCodeOf(error)).toBe(7)
    tracker.honest()
    // It is still pending here: the next commit finds out that it was logged.
    await makeFolder(client, { path: '/home/a/more' })
    expect(await names(client, '/home/a')).toEqual(['lost', 'more', 'one', 'two'])
    await remove(client, { path: '/home/a/lost' })
    await remove(client, { path: '/home/a/more' })
  })

  test('with a promise that is not kept: another entry is in its place', async () => {
    tracker.on(methods.commitOperation, () => {
      // The log's key signs whatever the tracker likes.
      const index = 3
      const time = clock.now()
      const promise = signObject(nodePrimitives, 'promise', client.identity.pool, logSeed, promiseCodec, {
        v: 1,
        index,
        time,
        hash: new Uint8Array(32).fill(7),
      })
      return { index, time, promise }
    })
    await makeFolder(client, { path: '/home/a/never' })
    const error = await expectCaught(makeFolder(client, { path: '/home/a/after' }), /another entry/)
    expect(error).toBeInstanceOf(ForkedError)
    tracker.honest()
    expect(await errorOf(makeFolder(client, { path: '/home/a/after' }))).toBeInstanceOf(ForkedError)
  })

  test('with a promise of an entry that never comes', async () => {
    const promised = (await client.log.view()).checkpoint.size + 1_000
    tracker.on(methods.commitOperation, () => {
      const time = clock.now()
      const promise = signObject(nodePrimitives, 'promise', client.identity.pool, logSeed, promiseCodec, {
        v: 1,
        index: promised,
        time,
        hash: new Uint8Array(32).fill(7),
      })
      return { index: promised, time, promise }
    })
    await makeFolder(client, { path: '/home/a/never' })
    tracker.honest()
    clock.ahead = 31_000
    await expectCaught(makeFolder(client, { path: '/home/a/after' }), /30 seconds/)
  })
})

describe('11: a head rolled back', () => {
  test('an older head with its own proofs', async () => {
    const { leaves } = await readLog()
    // The head before the newest: it ends with a heads entry too.
    const kinds = leaves.map((leaf) => entryCodec.decode(leaf).kind)
    const end = kinds.lastIndexOf(ENTRY_KIND.heads, kinds.length - 2) + 1
    const older = leaves.slice(0, end)
    await client.log.view()
    serveHead(treeOf(older), older)
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /older log/)
  })
})

describe('12: the view is frozen', () => {
  test('writes stop after ten minutes, reads after a day', async () => {
    const frozen = await client.log.view()
    const kept = encodeCheckpoint(nodePrimitives, client.log.identity, frozen.checkpoint)
    expect(kept.length).toBeGreaterThan(0)
    tracker.on(logMethods.logHead, () => ({ head: undefined }))
    tracker.on(logMethods.mapProof, async (_, ask) => ({ ...(await ask()), head: undefined }))
    clock.ahead = 11 * 60_000
    expect(await errorOf(makeFolder(client, { path: '/home/a/x' }))).toBeInstanceOf(NotEnoughProvidersError)
    clock.ahead = 25 * 3_600_000
    client.trees.forget()
    await expect(client.trees.roots()).rejects.toThrow(/more than a day/)
  })
})

describe('10, 13 and 14: other histories, signed by the log alone', () => {
  test('a map that does not follow from the log: no witness cosigns it', async () => {
    await client.log.view()
    const { leaves } = await readLog()
    const evil = [...leaves, headsLeaf(leaves.length, Date.now(), new Uint8Array(32).fill(9))]
    serveHead(treeOf(evil), evil)
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /too few witnesses/)
  })

  test('another last leaf at the pinned size: two roots of one size, proven, for good', async () => {
    await client.log.view()
    const { checkpoint } = await client.log.view()
    const { leaves } = await readLog()
    const mine = leaves.slice(0, checkpoint.size)
    const evil = [...mine.slice(0, -1), headsLeaf(mine.length - 1, Date.now(), new Uint8Array(32).fill(9))]
    serveHead(treeOf(evil), evil)
    tracker.watch(logMethods.reportFork, ({ proof }) => expect(proof.length).toBeGreaterThan(200))
    const error = await expectCaught(client.log.prove({ points: [], prefixes: [] }), /contradicts/)
    expect(error).toBeInstanceOf(ForkedError)
    // Nothing is written any more, whatever the tracker serves now; what was pinned can still be read.
    tracker.honest()
    expect(await errorOf(makeFolder(client, { path: '/home/a/x' }))).toBeInstanceOf(ForkedError)
    expect((await client.log.pins()).forked?.evidence).toBe(error.facts['evidence'])
  })

  test('a larger tree with another past', async () => {
    await client.log.view()
    const { leaves } = await readLog()
    const past = leaves.map((leaf, i) => (i === 4 ? headsLeaf(4, 1, new Uint8Array(32)) : leaf))
    const evil = [...past, headsLeaf(leaves.length, Date.now(), new Uint8Array(32))]
    serveHead(treeOf(evil), evil)
    clock.ahead = 6_000
    expect(await expectCaught(names(client, '/home/a'), /contradicts/)).toBeInstanceOf(ForkedError)
  })

  test('a checkpoint of another history that comes from another member', async () => {
    const { checkpoint } = await client.log.view()
    const { leaves } = await readLog()
    const other = leaves.slice(0, checkpoint.size)
    other[other.length - 1] = headsLeaf(other.length - 1, 5, new Uint8Array(32))
    const forged = signCheckpoint(nodePrimitives, client.log.identity, logSeed, {
      size: other.length,
      root: treeOf(other).root(),
    })
    const note = encodeCheckpoint(nodePrimitives, client.log.identity, forged)
    expect(await expectCaught(client.log.meet(note), /another member/)).toBeInstanceOf(ForkedError)
  })

  test('an operation of another device that was shown another history', async () => {
    const { leaves } = await readLog()
    const other = leaves.with(leaves.length - 1, headsLeaf(leaves.length - 1, 5, new Uint8Array(32)))
    const { size, root, signature } = signCheckpoint(nodePrimitives, client.log.identity, logSeed, {
      size: other.length,
      root: treeOf(other).root(),
    })
    const error = await expectCaught(client.log.meetHead({ size, root, signature }), /another member/)
    expect(error).toBeInstanceOf(ForkedError)
  })

  test('a forged cosignature', async () => {
    await client.log.view()
    bendHead((note) =>
      note.replace(
        /^(— allmend\/witness\/\S+ )(.{20})(.)/m,
        (_, name, begin, letter) => `${name}${begin}${letter === 'A' ? 'B' : 'A'}`,
      ),
    )
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /forged|too few/)
  })

  test('cosignatures left away', async () => {
    await client.log.view()
    bendHead((note) =>
      note
        .split('\n')
        .filter((line) => !line.includes('allmend/witness/'))
        .join('\n'),
    )
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /too few witnesses/)
  })

  test('a head that another key signed', async () => {
    const view = await client.log.view()
    const other = signCheckpoint(nodePrimitives, client.log.identity, new Uint8Array(32).fill(1), {
      size: view.checkpoint.size + 1,
      root: view.checkpoint.root,
    })
    const note = Buffer.from(encodeCheckpoint(nodePrimitives, client.log.identity, other)).toString()
    bendHead(() => note)
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /signature/)
    expect(() => openCheckpoint(nodePrimitives, client.log.identity, Buffer.from(note))).toThrow()
  })
})

describe('proofs for another tree', () => {
  test('of the map: of other keys, and of an older map', async () => {
    let older: Awaited<ReturnType<typeof ask>> | undefined
    const ask = async (points: readonly Uint8Array[]) =>
      client.tracker.call(logMethods.mapProof, {
        from: undefined,
        covers: undefined,
        points: [...points],
        prefixes: [],
        entries: true,
      })
    older = await ask([new Uint8Array(32).fill(5)])
    tracker.on(logMethods.mapProof, async (_, honest) => ({ ...(await honest()), proof: older!.proof }))
    await expect(names(client, '/home/a')).rejects.toBeInstanceOf(AllmendError)
    expect(exitCodeOf(await errorOf(names(client, '/home/a')))).toBe(7)
  })

  test('of an own entry', async () => {
    await makeFolder(client, { path: '/home/a/mine' })
    tracker.on(logMethods.logInclusion, (request, ask) => ask({ ...request, index: request.index - 1 }))
    clock.ahead = 6_000
    await expectCaught(makeFolder(client, { path: '/home/a/next' }), /does not prove/)
    tracker.honest()
    await remove(client, { path: '/home/a/mine' })
  })
})

describe('34: the ledger', () => {
  test('holds a head that is not of this log', async () => {
    const heads = [{ index: 0, size: 5, root: new Uint8Array(32).fill(3), block: 17, time: 5 }]
    tracker.on(logMethods.anchoredHeads, ({ from }) => ({ heads: from === 0 ? heads : [] }))
    // The tracker only says so: nothing is written off for good on its word.
    const said = await expectCaught(verifyLog(client), /not the log's/)
    expect(said).not.toBeInstanceOf(ForkedError)
    // The chain itself says so.
    const error = await expectCaught(verifyLog(client, heads), /not the log's/)
    expect(error).toBeInstanceOf(ForkedError)
    expect(await errorOf(makeFolder(client, { path: '/home/a/x' }))).toBeInstanceOf(ForkedError)
  })
})
