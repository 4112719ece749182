/**
 * A tracker that has the log's key and lies about the heads of its log, against an unmodified client: a typed error each time, evidence on
 * disk, and nothing written. Numbers are those of the attack table.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { Client } from '../../src/client/client.ts'
import { verifyLog } from '../../src/client/log/verify-log.ts'
import { makeFolder } from '../../src/client/make-folder.ts'
import { remove } from '../../src/client/remove.ts'
import { AllmendError, ForkedError } from '../../src/core/open/errors.ts'
import { encodeCheckpoint, openCheckpoint, signCheckpoint } from '../../src/core/open/log/checkpoint.ts'
import { ENTRY_KIND, entryCodec, entryHash, headsCodec, touchedRoot } from '../../src/core/open/log/entry.ts'
import { LogTree } from '../../src/core/open/log/log-tree.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import type { FastClock } from '../fixtures/log-victim.ts'
import { errorOf, expectCaught, names, openVictim, startVictimPool } from '../fixtures/log-victim.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import { MemoryLogStorage } from '../fixtures/memory-log-storage.ts'
import type { TestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let tracker: Meddler
let client: Client
let clock: FastClock
let logSeed: Uint8Array

beforeAll(async () => {
  pool = await startVictimPool()
  logSeed = fs.readFileSync(path.join(pool.folder, 'tracker', 'log.key'))
})
afterAll(() => pool.close())
beforeEach(async () => {
  ;({ client, tracker, clock } = await openVictim(pool))
})
afterEach(() => client.close())

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
