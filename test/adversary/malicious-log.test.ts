/**
 * A tracker that has the log's key and lies about what happened, against an unmodified client: a typed error each time, evidence on
 * disk, and nothing written. Numbers are those of the attack table.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import type { Client } from '../../src/client/client.ts'
import { logHistory } from '../../src/client/log/audit/log-history.ts'
import { verifyLog } from '../../src/client/log/audit/verify-log.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { move } from '../../src/client/operations/move.ts'
import { remove } from '../../src/client/operations/remove.ts'
import { equalBytes } from '../../src/core/open/bytes.ts'
import { ForkedError, NotEnoughProvidersError } from '../../src/core/open/errors.ts'
import { encodeCheckpoint } from '../../src/core/open/log/heads/checkpoint.ts'
import { promiseCodec } from '../../src/core/open/log/promise.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import * as logMethods from '../../src/core/open/protocol/log-methods.ts'
import type { NodeView, OperationView } from '../../src/core/open/protocol/tracker-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
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

/** What was written so far is in a head: before, serving the state of some seconds ago is no lie. */
async function integrated(): Promise<void> {
  const { log } = pool.alice
  await log.prove({ points: [], prefixes: [], covers: await log.size() })
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
    await expectCaught(names(client, '/home/a'), /withheld/)
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
    await expectCaught(names(client, '/home/a'), /another operation than the map names/)
    bendOperations((view) => ({ ...view, index: view.index - 1 }))
    await expectCaught(names(client, '/home/a'), /older version/)
  })

  test('another signature', async () => {
    bendOperations((view) => {
      const signature = view.signed[1].slice()
      signature[0]! ^= 1
      return { ...view, signed: [view.signed[0], signature] }
    })
    await expectCaught(names(client, '/home/a'), /another operation than the map names/)
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
      const error = await expectCaught(verifyLog(client), /^entry /)
      expect(error.facts['index']).toBe(first)
      await expectCaught(logHistory(client))
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
    // A forged promise is no refusal: the operation is still handed in, and the lie comes to light again.
    expect(exitCodeOf(await errorOf(makeFolder(client, { path: '/home/a/more' })))).toBe(7)
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

  test.each([
    { what: 'tells its length', lies: false, told: /a shorter log than the one in which it had promised/ },
    { what: 'says that it is longer', lies: true, told: /30 seconds/ },
  ])('with a promise of an entry that never comes, in a log that $what', async ({ lies, told }) => {
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
    if (lies) tracker.on(logMethods.logEntries, async (_, ask) => ({ ...(await ask()), size: promised + 1 }))
    clock.ahead = 31_000
    await expectCaught(makeFolder(client, { path: '/home/a/after' }), told)
  })
})

describe('12: the view is frozen', () => {
  test('writes stop after ten minutes, reads after a day', async () => {
    const frozen = await client.log.view()
    const kept = encodeCheckpoint(nodePrimitives, client.log.identity, frozen.checkpoint)
    expect(kept.length).toBeGreaterThan(0)
    tracker.on(logMethods.logHead, () => ({ head: undefined }))
    tracker.on(logMethods.mapProof, async (_, ask) => ({ ...(await ask()), head: undefined }))
    let commits = 0
    tracker.watch(methods.commitOperation, () => commits++)
    clock.ahead = 9 * 60_000
    await client.log.writable()
    expect(client.log.notice()).toBeUndefined()
    clock.ahead = 11 * 60_000
    const error = await errorOf(makeFolder(client, { path: '/home/a/x' }))
    expect(error).toBeInstanceOf(NotEnoughProvidersError)
    expect(error.message).toMatch(/ten minutes; nothing was written/)
    expect([commits, exitCodeOf(error)]).toEqual([0, 6])
    expect(await names(client, '/home/a')).toEqual(['one', 'two'])
    expect(client.log.notice()).toMatch(/may be old/)
    clock.ahead = 25 * 3_600_000
    const stale = await errorOf(names(client, '/home/a'))
    expect(stale.message).toMatch(/more than a day/)
    expect(exitCodeOf(stale)).toBe(7)
  })
})
