/**
 * Attacks 7 and 8 by who has the log's key where nobody witnesses: what was logged before is kept, and entries that no rule allows are
 * logged behind it, under heads that are signed and consistent. Whoever replays the log names the first of them.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import type { Client } from '../../src/client/client.ts'
import { verifyLog } from '../../src/client/log/audit/verify-log.ts'
import { makeFolder } from '../../src/client/operations/make-folder.ts'
import { move } from '../../src/client/operations/move.ts'
import { equalBytes } from '../../src/core/open/bytes.ts'
import type { LogEntry } from '../../src/core/open/log/entry.ts'
import { ENTRY_KIND, entryCodec, entryHash } from '../../src/core/open/log/entry.ts'
import { mapChild } from '../../src/core/open/log/map/map-key.ts'
import type { MapTree } from '../../src/core/open/log/map/map-tree.ts'
import { changeId } from '../../src/core/open/objects/change.ts'
import type { NodeView } from '../../src/core/open/protocol/tracker-methods.ts'
import * as methods from '../../src/core/open/protocol/tracker-methods.ts'
import type { LogCopy } from '../fixtures/log/evil-log.ts'
import { bentLeaf, headsLeaf, mapOf, readLog, serveEntries, serveHead } from '../fixtures/log/evil-log.ts'
import { expectCaught, names, openVictim } from '../fixtures/log/log-victim.ts'
import type { Meddler } from '../fixtures/meddling-transport.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
let tracker: Meddler
let client: Client
let logSeed: Uint8Array
let honest: LogCopy
/** Places of operations in the log, the last of them a rename. */
let operations: number[]
let map: MapTree

beforeAll(async () => {
  pool = await startTestPool({ providers: 0 })
  for (const at of ['/home/a', '/home/a/one']) await makeFolder(pool.alice, { path: at })
  await move(pool.alice, { from: '/home/a/one', to: '/home/a/two' })
  logSeed = fs.readFileSync(path.join(pool.folder, 'tracker', 'log.key'))
})
afterAll(() => pool.close())
beforeEach(async () => {
  ;({ client, tracker } = await openVictim(pool))
  honest = await readLog(pool.alice)
  operations = honest.leaves.flatMap((leaf, i) =>
    entryCodec.decode(leaf).kind === ENTRY_KIND.operation ? [i] : [],
  )
  map = mapOf(honest)
  return () => client.close()
})

interface Evil {
  /** Of the entry that is logged once more. */
  readonly from: number
  readonly bend?: (entry: LogEntry) => Partial<LogEntry>
  readonly changes?: readonly Uint8Array[]
}

/** The log as it is with these entries behind it. */
function serveWith(...evil: readonly Evil[]): void {
  const leaves = [...honest.leaves]
  const changes = [...honest.changes]
  const now = Date.now()
  for (const { from, bend, changes: others } of evil) {
    const leaf = honest.leaves[from]!
    const entry = entryCodec.decode(leaf)
    leaves.push(bentLeaf(leaf, { index: leaves.length, time: now, ...bend?.(entry) }))
    changes.push(others ?? honest.changes[from]!)
  }
  leaves.push(headsLeaf(leaves.length, now, map.root))
  changes.push([])
  serveHead(client, tracker, logSeed, leaves, { map })
  serveEntries(tracker, { leaves, changes })
}

async function expectNamed(index: number, message: RegExp): Promise<void> {
  const error = await expectCaught(verifyLog(client), message)
  expect(error.message).toMatch(new RegExp(`^entry ${index}: `))
  expect(error.facts['index']).toBe(index)
}

/** The node as it was when it was made. */
function asCreated(view: NodeView): NodeView {
  const first = view.generations[0]!
  return { ...view, meta: first, version: 1, head: changeId(nodePrimitives, first.change) }
}

describe('7 and 8: behind an honest log', () => {
  test('13: a map in which a version before the newest is the newest, with sound proofs', async () => {
    const folder = await pool.alice.trees.resolve('/home/a')
    const file = await pool.alice.trees.resolve('/home/a/two')
    const key = mapChild(nodePrimitives, folder.space.id, folder.id, file.id)
    const created = operations.at(-2)!
    map.update([{ key, value: entryHash(nodePrimitives.sha256, honest.leaves[created]!), index: created }])
    serveWith()
    tracker.on(methods.listChildren, async (_, ask) => {
      const answer = await ask()
      return {
        ...answer,
        nodes: answer.nodes.map((view) => (equalBytes(view.node, file.id) ? asCreated(view) : view)),
      }
    })
    // Who has seen the newer version knows by himself, without witnesses and without the whole log.
    await expectCaught(names(client, '/home/a'), /older version of a node/)
    await expectNamed(honest.leaves.length, /map/)
  })

  test('nothing: then all of it holds', async () => {
    serveWith()
    expect((await verifyLog(client)).size).toBe(honest.leaves.length + 1)
  })

  test('an operation once more, as if it were new', async () => {
    serveWith({ from: operations.at(-2)! })
    await expectNamed(honest.leaves.length, /touche/)
  })

  test('an operation with other changes than were signed', async () => {
    const [first, last] = [operations.at(-2)!, operations.at(-1)!]
    serveWith({ from: last, changes: honest.changes[first]! })
    await expectNamed(honest.leaves.length, /touche/)
  })

  test('an operation under a time before the last entry’s', async () => {
    serveWith({ from: operations.at(-1)!, bend: ({ time }) => ({ time: time - 1 }) })
    await expectNamed(honest.leaves.length, /time/)
  })

  test('an entry of another place', async () => {
    serveWith({ from: operations.at(-1)!, bend: ({ index }) => ({ index }) })
    await expectNamed(honest.leaves.length, /follow each other/)
  })

  test.each(['body', 'signatures'] as const)('an operation with other bytes: %s', async (field) => {
    serveWith({
      from: operations.at(-1)!,
      bend: (entry) => {
        const bytes = entry[field].slice()
        bytes[bytes.length - 1]! ^= 1
        return { [field]: bytes }
      },
    })
    await expectNamed(honest.leaves.length, /touche/)
  })
})

describe('7 and 8: an honest log in another order', () => {
  /** The log from nothing, for a client that has seen none of it: its pins are those of a new device. */
  test('two operations exchanged, one dropped: the device’s counter shows it', async () => {
    await client.close()
    for (const bend of [
      (copy: LogCopy, a: number, b: number): LogCopy => ({
        leaves: copy.leaves.map((leaf, i) =>
          i === a || i === b
            ? bentLeaf(copy.leaves[i === a ? b : a]!, {
                index: i,
                time: entryCodec.decode(leaf).time,
                touched: entryCodec.decode(copy.leaves[i === a ? b : a]!).touched,
              })
            : leaf,
        ),
        changes: copy.changes.map((list, i) =>
          i === a ? copy.changes[b]! : i === b ? copy.changes[a]! : list,
        ),
      }),
      (copy: LogCopy, a: number): LogCopy => ({
        leaves: copy.leaves.toSpliced(a, 1).map((leaf, index) => bentLeaf(leaf, { index })),
        changes: copy.changes.toSpliced(a, 1),
      }),
    ]) {
      const victim = await openVictim(pool, { isNew: true })
      const [a, b] = [operations.at(-2)!, operations.at(-1)!]
      const copy = bend(honest, a, b)
      serveHead(victim.client, victim.tracker, logSeed, copy.leaves)
      serveEntries(victim.tracker, copy)
      const error = await expectCaught(verifyLog(victim.client), /^entry /)
      expect(error.facts['index']).toBe(a)
      await victim.client.close()
    }
  })
})
