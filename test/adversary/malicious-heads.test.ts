/**
 * A tracker that has the log's key and lies about the heads of its log, against an unmodified client: a typed error each time, evidence on
 * disk, and nothing written. Numbers are those of the attack table.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { openSqliteLogStore } from '../../src/adapters/sqlite/sqlite-log-store.ts'
import type { Client } from '../../src/client/client.ts'
import { verifyLog } from '../../src/client/log/audit/verify-log.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import { ForkedError } from '../../src/core/open/errors.ts'
import { encodeCheckpoint, openCheckpoint, signCheckpoint } from '../../src/core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec } from '../../src/core/open/log/entry.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import { witnessSeed } from '../../src/provider/witness/witness.ts'
import { headsLeaf, readLog, serveHead, treeOf } from '../fixtures/log/evil-log.ts'
import type { FastClock } from '../fixtures/log/log-victim.ts'
import { errorOf, expectCaught, names, openVictim, startVictimPool } from '../fixtures/log/log-victim.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
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

const serve = (leaves: readonly Uint8Array[], witnesses: readonly Uint8Array[] = []) =>
  serveHead(client, tracker, logSeed, leaves, { witnesses })

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
    const { leaves } = await readLog(pool.alice)
    // The head before the newest: it ends with a heads entry too.
    const kinds = leaves.map((leaf) => entryCodec.decode(leaf).kind)
    const end = kinds.lastIndexOf(ENTRY_KIND.heads, kinds.length - 2) + 1
    const older = leaves.slice(0, end)
    await client.log.view()
    serve(older)
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /older log/)
  })
})

describe('10, 13 and 14: other histories, signed by the log alone', () => {
  test('a map that does not follow from the log: no witness cosigns it', async () => {
    await client.log.view()
    const { leaves } = await readLog(pool.alice)
    const evil = [...leaves, headsLeaf(leaves.length, Date.now(), new Uint8Array(32).fill(9))]
    serve(evil)
    clock.ahead = 6_000
    await expectCaught(names(client, '/home/a'), /too few witnesses/)
  })

  test('another last leaf at the pinned size: two roots of one size, proven, for good', async () => {
    await client.log.view()
    const { checkpoint } = await client.log.view()
    const { leaves } = await readLog(pool.alice)
    const mine = leaves.slice(0, checkpoint.size)
    const evil = [...mine.slice(0, -1), headsLeaf(mine.length - 1, Date.now(), new Uint8Array(32).fill(9))]
    serve(evil)
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
    const { leaves } = await readLog(pool.alice)
    const past = leaves.map((leaf, i) => (i === 4 ? headsLeaf(4, 1, new Uint8Array(32)) : leaf))
    const evil = [...past, headsLeaf(leaves.length, Date.now(), new Uint8Array(32))]
    serve(evil)
    clock.ahead = 6_000
    expect(await expectCaught(names(client, '/home/a'), /contradicts/)).toBeInstanceOf(ForkedError)
  })

  test('a checkpoint of another history that comes from another member', async () => {
    const { checkpoint } = await client.log.view()
    const { leaves } = await readLog(pool.alice)
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
    const { leaves } = await readLog(pool.alice)
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
    await expectCaught(names(client, '/home/a'), /forged/)
  })

  test('one witness in league with the tracker: no quorum', async () => {
    await client.log.view()
    const { leaves } = await readLog(pool.alice)
    await pool.stop(0)
    const store = openSqliteLogStore(path.join(pool.folder, 'providers', '1', 'witness.db'))
    const seed = witnessSeed(store, {
      bytes: () => {
        throw new Error('its key lies there')
      },
    })
    store.close()
    await pool.start([0])
    const { witnesses } = await client.log.pins()
    expect(witnesses.map(({ key }) => toHex(key))).toContain(toHex(nodePrimitives.ed25519Public(seed)))
    serve([...leaves, headsLeaf(leaves.length, Date.now(), new Uint8Array(32).fill(9))], [seed, seed])
    clock.ahead = 6_000
    const error = await expectCaught(names(client, '/home/a'), /too few witnesses/)
    expect(error.facts).toMatchObject({ needed: 3 })
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
    await expectCaught(names(client, '/home/a'))
    await expectCaught(names(client, '/home/a'))
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
