import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import {
  contents,
  create,
  nodeOf,
  remeta,
  remove,
  poolWithHome,
} from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { openSqliteTrackerStore } from '../../adapters/sqlite/sqlite-tracker-store.ts'
import { DatabaseSync } from 'node:sqlite'
import { concatBytes, equalBytes, toHex } from '../../core/open/bytes.ts'
import { ConflictError, ForkedError, UntrustedError } from '../../core/open/errors.ts'
import type { Checkpoint } from '../../core/open/log/heads/checkpoint.ts'
import { logIdentity, openCheckpoint, signCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec, entryHash } from '../../core/open/log/entry.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { forkProofCodec, forkProofFrom, verifyForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { mapChild, mapChildren, mapNode, mapRecord } from '../../core/open/log/map/map-key.ts'
import { pointRange } from '../../core/open/log/map/map-proof.ts'
import { promiseCodec } from '../../core/open/log/promise.ts'
import { verifyConsistency } from '../../core/open/log/verify-consistency.ts'
import type { LogView } from '../../core/open/log/heads/verify-head.ts'
import { verifyHead } from '../../core/open/log/heads/verify-head.ts'
import { verifyMapProof } from '../../core/open/log/map/verify-map-proof.ts'
import { leafHash, verifyMerklePath } from '../../core/open/merkle.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import * as logMethods from '../../core/open/protocol/log-methods.ts'
import * as methods from '../../core/open/protocol/tracker-methods.ts'
import { MAX_BATCH_ENTRIES } from './tracker-log.ts'

let pool: TrackerPool
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, alice, home } = await poolWithHome()))
afterEach(() => pool.close())

const log = () => pool.tracker.state.log
const identity = () => logIdentity(genesisCodec.decode(pool.genesis))
const trust = () => ({ log: identity(), witnesses: [], tracker: alice.id })

/** The served head as a client verifies it. */
async function view(pin?: Checkpoint, covers?: number): Promise<LogView> {
  const { head } = await alice.call(logMethods.logHead, { from: pin?.size, covers })
  const verdict = verifyHead(p, trust(), pin, head!)
  if (verdict.kind !== 'valid') throw new Error(verdict.kind)
  return verdict.view
}

const prefixEnd = (prefix: Uint8Array) => concatBytes(prefix, new Uint8Array(16).fill(255))
const prefixStart = (prefix: Uint8Array) => concatBytes(prefix, new Uint8Array(16))

const LOG_TABLES = ['log_leaves', 'log_tiles', 'map_pages', 'log_rows', 'log_saved', 'checkpoints']

describe('the tracker’s log', () => {
  test('a head covers what was asked, continues the pin, and its map lists a folder completely', async () => {
    const first = await view()
    const a = create('a', home.root)
    const b = create('b', home.root)
    const { index } = await alice.commit(home.id, [a, b])
    // Not sealed yet: nobody has asked, and time has not passed.
    expect((await view(first.checkpoint)).checkpoint.size).toBe(first.checkpoint.size)

    const prefix = mapChildren(p, home.id, home.root.id)
    const answer = await alice.call(logMethods.mapProof, {
      from: first.checkpoint.size,
      covers: index + 1,
      points: [mapNode(p, home.id, a.node), mapRecord(p, alice.id), seedOf('absent')],
      prefixes: [prefixStart(prefix)],
      entries: true,
    })
    const verdict = verifyHead(p, trust(), first.checkpoint, answer.head!)
    if (verdict.kind !== 'valid') throw new Error(verdict.kind)
    expect(verdict.view.checkpoint.size).toBe(index + 2)
    expect(toHex(answer.lasts[0]!)).toBe(toHex(prefixEnd(prefix)))
    const ranges = [mapNode(p, home.id, a.node), mapRecord(p, alice.id), seedOf('absent')].map(pointRange)
    const leaves = verifyMapProof(
      p.sha256,
      verdict.view.map,
      [...ranges, { first: prefixStart(prefix), last: answer.lasts[0]! }],
      answer.proof,
    )
    const listed = leaves.filter(({ key }) => equalBytes(key.subarray(0, 16), prefix))
    expect(listed.map(({ key }) => toHex(key)).sort()).toEqual(
      [a, b].map(({ node }) => toHex(mapChild(p, home.id, home.root.id, node))).sort(),
    )
    expect(leaves.length).toBe(4)
    // Each value is the hash of an entry that came along.
    const hashes = new Map(answer.entries.map((leaf) => [toHex(entryHash(p.sha256, leaf)), leaf]))
    for (const { value } of leaves) expect(hashes.has(toHex(value))).toBe(true)
    expect(entryCodec.decode(hashes.get(toHex(listed[0]!.value))!).index).toBe(index)
    // With the newest head at hand there is none in the answer.
    const again = await alice.call(logMethods.mapProof, {
      from: verdict.view.checkpoint.size,
      points: [seedOf('absent')],
      prefixes: [],
      entries: false,
    })
    expect(again.head).toBeUndefined()
  })

  test('a commit is promised: its entry is there, in the log and under its keys', async () => {
    const a = create('a', home.root)
    const encoded = alice.commit(home.id, [a])
    const { index, promise } = (await encoded) as unknown as {
      index: number
      promise: [Uint8Array, Uint8Array]
    }
    const word = openSigned(p, 'promise', pool.pool, p.ed25519Public(pool.logSeed), promiseCodec, promise)
    const { checkpoint, map } = await view(undefined, index + 1)
    const { leaf, path } = await alice.call(logMethods.logInclusion, { index, size: checkpoint.size })
    expect(
      verifyMerklePath(p.sha256, leafHash(p.sha256, leaf), index, checkpoint.size, path, checkpoint.root),
    ).toBe(true)
    expect(toHex(leafHash(p.sha256, leaf))).toBe(toHex(word.hash))
    const key = mapChild(p, home.id, home.root.id, a.node)
    const { proof } = await alice.call(logMethods.mapProof, { points: [key], prefixes: [], entries: false })
    expect(verifyMapProof(p.sha256, map, [pointRange(key)], proof).map(({ value }) => toHex(value))).toEqual([
      toHex(word.hash),
    ])
  })

  test('entries come with their changes, and sizes are consistent with each other', async () => {
    await alice.commit(home.id, [create('a', home.root)])
    log().seal()
    const { entries, size } = await alice.call(logMethods.logEntries, { from: 0, count: 256, changes: true })
    expect(entries.length).toBe(size)
    const kinds = entries.map(({ leaf }) => entryCodec.decode(leaf).kind)
    expect(kinds).toEqual([0, 1, 2, 6, 6, 7])
    expect(entries.map(({ changes }) => changes.length)).toEqual([0, 0, 0, 1, 1, 0])
    const { proof } = await alice.call(logMethods.logConsistency, { from: 3, to: size })
    const { tree } = log().session
    expect(
      verifyConsistency(p.sha256, { size: 3, root: tree.root(3) }, { size, root: tree.root(size) }, proof),
    ).toBe(true)
  })

  test('a batch of 1,000 entries is sealed at once, one of fewer by the loop, 5 s after its first', async () => {
    const before = log().session.size
    const abort = new AbortController()
    const running = pool.tracker.run(abort.signal)
    await pool.clock.sleeperAt(5_000)
    pool.clock.advance(4_999)
    expect(log().sealed).toBeUndefined()
    const changed = log().headChanged()
    pool.clock.advance(1)
    await changed
    expect(log().sealed?.checkpoint.size).toBe(before + 1)
    for (let i = 0; i < MAX_BATCH_ENTRIES; i++) await alice.commit(home.id, [create(`n${i}`, home.root)])
    expect(log().sealed?.checkpoint.size).toBe(before + 1 + MAX_BATCH_ENTRIES + 1)
    abort.abort()
    await running
  }, 60_000)

  test('a head that a device names must be this log’s, and never falls', async () => {
    const { checkpoint } = await view()
    const head = { size: checkpoint.size, root: checkpoint.root, signature: checkpoint.signature }
    await alice.commit(home.id, [create('a', home.root)], { head })
    await expect(alice.commit(home.id, [create('b', home.root)])).rejects.toBeInstanceOf(ConflictError)
    const root = seedOf('another history')
    const foreign = signCheckpoint(p, identity(), pool.logSeed, { size: checkpoint.size, root })
    await expect(
      alice.commit(home.id, [create('b', home.root)], {
        head: { size: foreign.size, root, signature: foreign.signature },
      }),
    ).rejects.toBeInstanceOf(ForkedError)
    const fork = verifyForkProof(p, identity(), forkProofCodec.decode(pool.evidence[0]!))
    expect(fork).toMatchObject({ size: foreign.size, larger: checkpoint.size, isAnchored: false })
    await alice.commit(home.id, [create('b', home.root)], { head })
  })

  test('what was sealed, and what waits, is the same after a restart; proofs too', async () => {
    const { index } = await alice.commit(home.id, [create('a', home.root)])
    const before = await view(undefined, index + 1)
    const b = create('b', home.root)
    await alice.commit(home.id, [b])
    const root = toHex(log().session.tree.root())
    pool.reopen()
    expect(toHex(log().session.tree.root())).toBe(root)
    const after = await view(before.checkpoint)
    expect(after.checkpoint.size).toBe(before.checkpoint.size)
    expect(toHex(after.map)).toBe(toHex(before.map))
    const next = await view(before.checkpoint, index + 3)
    expect(next.checkpoint.size).toBe(index + 4)
  })

  test('a pool from before there was a log gets one, entry by entry, and goes on', async () => {
    const a = create('a', home.root)
    const written = create('file', home.root, contents([]))
    let file = nodeOf(written, undefined)
    await alice.commit(home.id, [a, written])
    // Programs of then knew nothing of naming contents.
    const renamed = remeta(file, { content: undefined })
    await alice.commit(home.id, [renamed])
    file = nodeOf(renamed, file)
    await pool.join(alice, 'bob')
    await pool.addProviders(alice, 2)
    await alice.commit(home.id, [remove(nodeOf(a, undefined)), create('b', home.root)])
    const size = log().session.size
    const root = toHex(log().session.tree.root())
    pool.store.close()
    // As the first version left it.
    const db = new DatabaseSync(pool.database)
    for (const table of [...LOG_TABLES, 'name_claims', 'draws']) db.exec(`DROP TABLE ${table}`)
    db.exec('PRAGMA user_version = 1')
    db.close()
    pool.store = openSqliteTrackerStore(pool.database)
    pool.reopen()
    expect(log().session.size).toBe(size)
    expect(toHex(log().session.tree.root())).toBe(root)
    const { checkpoint, map } = await view()
    expect(checkpoint.size).toBe(size + 1)
    const prefix = mapChildren(p, home.id, home.root.id)
    const { proof, lasts } = await alice.call(logMethods.mapProof, {
      points: [],
      prefixes: [prefixStart(prefix)],
      entries: false,
    })
    const leaves = verifyMapProof(p.sha256, map, [{ first: prefixStart(prefix), last: lasts[0]! }], proof)
    expect(leaves.length).toBe(2)
    const { text: _, others: __, ...head } = checkpoint
    const later = (content: Uint8Array | undefined) =>
      alice.commit(home.id, [create('c', home.root), remeta(file, { content })], { head })
    await expect(later(undefined)).rejects.toBeInstanceOf(ConflictError)
    await later(file.content)
  })

  test('a fork that is handed in is checked; an invented one is refused', async () => {
    const { checkpoint } = await view()
    const other = signCheckpoint(p, identity(), pool.logSeed, { size: checkpoint.size, root: seedOf('fork') })
    const proof = forkProofFrom(p, identity(), other, checkpoint, [])!
    await alice.call(logMethods.reportFork, { proof: forkProofCodec.encode(proof) })
    const honest = { ...proof, smaller: encodeCheckpoint(p, identity(), checkpoint) }
    await expect(
      alice.call(logMethods.reportFork, { proof: forkProofCodec.encode(honest) }),
    ).rejects.toBeInstanceOf(UntrustedError)
  })

  test('an unwitnessed head that has grown old is made anew for a reader', async () => {
    const first = await view()
    pool.clock.advance(10 * 60_000)
    const second = await view(first.checkpoint)
    expect(second.checkpoint.size).toBe(first.checkpoint.size + 1)
    expect(second.time).toBe(pool.clock.now())
    const { entries } = await alice.call(logMethods.logEntries, {
      from: first.checkpoint.size,
      count: 9,
      changes: false,
    })
    expect(entries.map(({ leaf }) => entryCodec.decode(leaf).kind)).toEqual([ENTRY_KIND.heads])
  })

  test('strangers see nothing of the log', async () => {
    const stranger = pool.channel(seedOf('stranger'))
    await expect(stranger.call(logMethods.logHead, {})).rejects.toThrow()
    await expect(
      stranger.call(logMethods.logEntries, { from: 0, count: 1, changes: false }),
    ).rejects.toThrow()
    await expect(stranger.call(methods.listProviders, {})).rejects.toThrow()
  })

  test('checkpoints are notes that anybody can open with the genesis', async () => {
    const { head } = await alice.call(logMethods.logHead, {})
    expect(openCheckpoint(p, identity(), head!.note).size).toBe(log().session.size)
  })
})
