/** How a witness follows a log: what it signs, and what it doesn't. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogTwin } from '../../../../test/fixtures/log/log-twin.ts'
import { TestLog, TestWitness, twinWithHome } from '../../../../test/fixtures/log/log-twin.ts'
import { seedOf } from '../../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../../test/fixtures/tracker/tracker-pool.ts'
import { create, idOf } from '../../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../../adapters/native/node-primitives.ts'
import { toHex } from '../bytes.ts'
import { ForkedError, UntrustedError } from '../errors.ts'
import { ZERO_ID } from '../objects/suite.ts'
import { signCheckpoint } from './heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec, entryHash, headsCodec, touchedRoot } from './entry.ts'
import { mapChild } from './map/map-key.ts'

let pool: TrackerPool
let twin: LogTwin
let alice: TestMember
let home: TestSpace
beforeEach(async () => void ({ pool, twin, alice, home } = await twinWithHome()))
afterEach(() => pool.close())

let witness: TestWitness
beforeEach(() => {
  witness = new TestWitness('w')
  witness.witness(twin, twin.seal())
})

/** Entries as a tracker would forge them: `bend` changes one, the tree is that of the bent ones. */
function forged(bend: (entry: ReturnType<typeof entryCodec.decode>) => object, last = false) {
  const entries = twin.entries(witness.session.size)
  const at = last ? entries.length - 1 : 0
  const leaf = entryCodec.encode({
    ...entryCodec.decode(entries[at]!.leaf),
    ...bend(entryCodec.decode(entries[at]!.leaf)),
  })
  entries[at] = { leaf, changes: entries[at]!.changes }
  const log = new TestLog()
  const leaves = [...twin.storage.leaves(0, witness.session.size), ...entries.map((entry) => entry.leaf)]
  for (const bytes of leaves) log.session.tree.append(entryHash(p.sha256, bytes))
  const head = { size: leaves.length, root: log.session.tree.root() }
  return { entries, checkpoint: signCheckpoint(p, twin.identity, pool.logSeed, head) }
}

test('attack 13: signs no map that does not follow from the log, nor what rules or time forbid', async () => {
  twin.commit(alice, home.id, [create('a', home.root)])
  const checkpoint = twin.seal()
  const before = toHex(witness.session.tree.root())
  const cases: [(entry: ReturnType<typeof entryCodec.decode>) => object, boolean][] = [
    [() => ({ touched: touchedRoot(p.sha256, []) }), false],
    [() => ({ time: 1 }), false],
    [({ index }) => ({ index: index + 1 }), false],
    [() => ({ signatures: new Uint8Array(64) }), false],
    [() => ({ body: headsCodec.encode({ v: 1, map: seedOf('other map') }) }), true],
    [() => ({ signatures: new Uint8Array(64) }), true],
    [() => ({ time: pool.clock.now() + 400_000 }), true],
  ]
  for (const [bend, last] of cases) {
    const { entries, checkpoint: bent } = forged(bend, last)
    expect(() => witness.witness(twin, bent, entries)).toThrow(UntrustedError)
    expect(toHex(witness.session.tree.root())).toBe(before)
  }
  witness.witness(twin, checkpoint)
})

test('attack 10: signs no second history, no smaller head, nothing with gaps, no root that entries lack', async () => {
  twin.commit(alice, home.id, [create('a', home.root)])
  const first = twin.seal()
  const entries = twin.entries(witness.session.size)
  expect(() => witness.witness(twin, first, entries.slice(1))).toThrow(UntrustedError)
  expect(() => witness.witness(twin, first, [...entries, entries[0]!])).toThrow(UntrustedError)
  const other = signCheckpoint(p, twin.identity, pool.logSeed, { size: first.size, root: seedOf('fork') })
  expect(() => witness.witness(twin, other, entries)).toThrow(ForkedError)
  const older = { size: witness.session.size, root: witness.session.tree.root() }
  witness.witness(twin, first)
  expect(() => witness.witness(twin, signCheckpoint(p, twin.identity, pool.logSeed, older), [])).toThrow(
    UntrustedError,
  )
  expect(() => witness.witness(twin, other, [])).toThrow(ForkedError)
  // The same head again: still the newest.
  pool.clock.advance(3_600_000)
  witness.witness(twin, first, [])
  // A checkpoint that doesn't end with the map.
  twin.commit(alice, home.id, [create('b', home.root)])
  expect(() => witness.witness(twin, twin.sign())).toThrow(UntrustedError)
})

test('attack 8: an entry that the rules refuse is void: it may stand in the log, and touches nothing', async () => {
  twin.commit(alice, home.id, [create('a', home.root)])
  const bob = await twin.join(alice, 'bob')
  // What a tracker logs that lets bob write: the rules refuse it, so it has no effect, and nobody signs that it has.
  const { body, signatures, changes } = twin.operation(bob, home.id, [create('x', home.root)])
  const { size } = twin.session
  const honest = { v: 1, index: size, kind: ENTRY_KIND.operation, time: pool.clock.now() } as const
  for (const [touched, passes] of [
    [touchedRoot(p.sha256, []), true],
    [touchedRoot(p.sha256, [[mapChild(p, home.id, home.root.id, idOf('x')), 0, ZERO_ID, false]]), false],
  ] as const) {
    const leaf = entryCodec.encode({ ...honest, body, signatures, touched })
    const follow = () =>
      witness.write((session) => {
        for (const entry of twin.entries(session.size)) session.follow(entry.leaf, entry.changes)
        session.follow(leaf, changes)
        throw new Error('followed')
      })
    if (passes) expect(follow).toThrow('followed')
    else expect(follow).toThrow(UntrustedError)
  }
})

test('goes on after a restart with what it had stored', async () => {
  for (let i = 0; i < 5; i++) {
    twin.commit(alice, home.id, [create(`n${i}`, home.root)])
    witness.witness(twin, twin.seal())
    const root = toHex(witness.session.map.root)
    witness.reopen()
    expect(toHex(witness.session.map.root)).toBe(root)
    expect(root).toBe(toHex(twin.session.map.root))
  }
})
