import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogTwin } from '../../../../../test/fixtures/log/log-twin.ts'
import { TestLog, TestWitness, twinWithHome } from '../../../../../test/fixtures/log/log-twin.ts'
import { seedOf } from '../../../../../test/fixtures/provider-pool.ts'
import type { TestMember, TestSpace, TrackerPool } from '../../../../../test/fixtures/tracker/tracker-pool.ts'
import { create } from '../../../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../../../adapters/native/node-primitives.ts'
import { equalBytes, toHex } from '../../bytes.ts'
import { decoderConformance } from '../../decoder.conformance.ts'
import { AllmendError, UntrustedError } from '../../errors.ts'
import type { Checkpoint } from './checkpoint.ts'
import { encodeCheckpoint, signCheckpoint, withSignatures } from './checkpoint.ts'
import { entryHash } from '../entry.ts'
import type { ForkProof } from './fork-proof.ts'
import { forkProofCodec, forkProofFrom, headCheckpoint, verifyForkProof } from './fork-proof.ts'
import type { HeadVerdict, LogTrust, LogView, ServedHead } from './verify-head.ts'
import { checkAnchor, contradicts, verifyHead } from './verify-head.ts'

let pool: TrackerPool
let twin: LogTwin
let alice: TestMember
let home: TestSpace
let trust: LogTrust
let witnesses: TestWitness[]
const tracker = seedOf('the tracker')
const NONE = new Uint8Array(0)
beforeEach(async () => {
  ;({ pool, twin, alice, home } = await twinWithHome())
  witnesses = ['w1', 'w2', 'w3', 'w4'].map((name) => new TestWitness(name))
  trust = {
    log: twin.identity,
    witnesses: witnesses.map(({ operator, key }) => ({ operator, key })),
    tracker,
  }
})
afterEach(() => pool.close())

let serial = 0

/** One more entry and a checkpoint that the given witnesses sign. */
async function advance(by = witnesses): Promise<Checkpoint> {
  twin.commit(alice, home.id, [create(`n${serial++}`, home.root)])
  const checkpoint = twin.seal()
  return withSignatures(
    checkpoint,
    by.map((witness) => witness.witness(twin, checkpoint)),
  )
}

function valid(verdict: HeadVerdict): LogView {
  if (verdict.kind !== 'valid') throw new Error(`expected a valid head, not ${verdict.kind}`)
  return verdict.view
}

const verify = (pin: Checkpoint | undefined, served: ServedHead) => verifyHead(p, trust, pin, served)

/** The log of a tracker that shows another history: the same leaves up to `from`, then others. */
function otherHistory(from: number, size: number) {
  const log = new TestLog()
  for (const leaf of twin.storage.leaves(0, from)) log.session.tree.append(entryHash(p.sha256, leaf))
  while (log.session.tree.size < size) log.session.tree.append(seedOf(`other ${log.session.tree.size}`))
  const root = log.session.tree.root()
  return { tree: log.session.tree, checkpoint: signCheckpoint(p, trust.log, pool.logSeed, { size, root }) }
}

describe('head of the log', () => {
  it('is taken forwards, with the map that its last leaf names', async () => {
    let pin: Checkpoint | undefined
    for (let i = 0; i < 6; i++) {
      const checkpoint = await advance()
      const view = valid(verify(pin, twin.serve(checkpoint, pin?.size)))
      expect(toHex(view.map)).toBe(toHex(twin.session.map.root))
      expect(view.isWitnessed).toBe(true)
      expect(view.confirmed.time).toBe(Math.floor(pool.clock.now() / 1_000))
      pin = view.checkpoint
      expect(valid(verify(pin, twin.serve(pin, pin.size))).checkpoint.size).toBe(pin.size)
    }
  })

  it('attack 11: one that lies behind the pin is told, with or without witnesses', async () => {
    const old = await advance()
    const served = twin.serve(old, undefined)
    const pin = valid(verify(old, twin.serve(await advance(), old.size))).checkpoint
    expect(verify(pin, served)).toEqual({ kind: 'behind', size: old.size })
  })

  it('attack 14: without a quorum it is none, however often one operator signs; a forged signature neither', async () => {
    const two = await advance(witnesses.slice(0, 2))
    expect(() => verify(undefined, twin.serve(two, undefined))).toThrow(UntrustedError)
    const three = withSignatures(two, [witnesses[2]!.witness(twin, two, [...twin.entries(0)])])
    valid(verify(undefined, twin.serve(three, undefined)))
    const twice: LogTrust = {
      ...trust,
      witnesses: trust.witnesses.map((witness, i) =>
        i === 2 ? { ...witness, operator: witnesses[0]!.operator } : witness,
      ),
    }
    // Three operators, of whom one signed twice and another once: two are enough there.
    expect(valid(verifyHead(p, twice, undefined, twin.serve(three, undefined))).isWitnessed).toBe(true)
    const own: LogTrust = { ...trust, tracker: witnesses[0]!.operator }
    expect(valid(verifyHead(p, own, undefined, twin.serve(three, undefined))).isWitnessed).toBe(true)
    const onlyOwn = withSignatures(two, [])
    expect(() => verifyHead(p, own, undefined, twin.serve(onlyOwn, undefined))).toThrow(UntrustedError)
    const [first, ...rest] = three.others
    const forged = { ...three, others: [{ ...first!, signature: seedOf('forged') }, ...rest] }
    expect(() => verify(undefined, twin.serve(forged, undefined))).toThrow(UntrustedError)
  })

  it("with fewer than three operators the log's own head stands in, and says so", async () => {
    trust = { ...trust, witnesses: trust.witnesses.slice(0, 2) }
    const view = valid(verify(undefined, twin.serve(await advance([]), undefined)))
    expect([view.isWitnessed, view.confirmed.time]).toEqual([false, Math.floor(view.time / 1_000)])
  })

  it('ends with the map: any other leaf, path, or a forged one is refused', async () => {
    const checkpoint = await advance()
    const served = twin.serve(checkpoint, undefined)
    const other = twin.storage.leaf(checkpoint.size - 2)!.leaf
    for (const bad of [
      { leaf: other },
      { leaf: other, path: twin.session.tree.inclusion(checkpoint.size - 2) },
      { path: served.path.slice(1) },
      { path: [] },
    ])
      expect(() => verify(undefined, { ...served, ...bad })).toThrow(UntrustedError)
    twin.commit(alice, home.id, [create('x', home.root)])
    trust = { ...trust, witnesses: [] }
    expect(() => verify(undefined, twin.serve(twin.sign(), undefined))).toThrow(UntrustedError)
  })

  it('attack 10: two histories are proven where the proof shows them, else refused', async () => {
    trust = { ...trust, witnesses: [] }
    for (let i = 0; i < 3; i++) await advance([])
    const pin = await advance([])
    for (let i = 0; i < 5; i++) {
      for (const size of [pin.size, pin.size + 1, pin.size + 3, pin.size + 8]) {
        const { tree, checkpoint } = otherHistory(pin.size - 1 - (i % 3), size)
        const served = {
          note: encodeCheckpoint(p, trust.log, checkpoint),
          consistency: tree.consistency(pin.size),
          leaf: NONE,
          path: [],
        }
        const verdict = verify(pin, served)
        if (verdict.kind !== 'forked') throw new Error(`expected a fork at ${size}, not ${verdict.kind}`)
        const fork = verifyForkProof(p, trust.log, verdict.proof)
        expect([fork.size, fork.larger, fork.isAnchored]).toEqual([pin.size, size, false])
        expect(fork.roots.map(toHex)).toEqual([pin.root, tree.root(pin.size)].map(toHex))
        // Of one size they contradict each other by themselves; else a proof that leads nowhere proves nothing.
        if (size > pin.size)
          expect(() => verify(pin, { ...served, consistency: [seedOf('nothing')] })).toThrow(UntrustedError)
      }
    }
  })

  it('attack 34: an anchor that is off the log is evidence as well', async () => {
    trust = { ...trust, witnesses: [] }
    const old = await advance([])
    const view = valid(verify(old, twin.serve(await advance([]), old.size)))
    const proof = twin.session.tree.consistency(old.size)
    const anchor = { size: old.size, root: old.root, block: 7, blockHash: seedOf('block') }
    expect(checkAnchor(p, trust.log, view, anchor, proof)).toBeUndefined()
    const fork = checkAnchor(p, trust.log, view, { ...anchor, root: seedOf('rewritten') }, proof)
    const isComplete = Number.isInteger(Math.log2(old.size))
    expect(isComplete).toBe(false)
    expect(verifyForkProof(p, trust.log, fork!).isAnchored).toBe(true)
    expect(() => checkAnchor(p, trust.log, view, { ...anchor, root: seedOf('x') }, [])).toThrow(
      UntrustedError,
    )
    expect(() => checkAnchor(p, trust.log, view, { ...anchor, size: 99 }, proof)).toThrow(UntrustedError)
  })

  it('heads that operations name contradict each other when two roots have one size', async () => {
    trust = { ...trust, witnesses: [] }
    const pin = await advance([])
    const { checkpoint } = otherHistory(2, pin.size)
    const named = headCheckpoint(trust.log, checkpoint)
    expect(contradicts(pin, named)).toBe(true)
    expect(contradicts(pin, headCheckpoint(trust.log, pin))).toBe(false)
    const proof = forkProofFrom(p, trust.log, pin, named, [])!
    expect(verifyForkProof(p, trust.log, proof).size).toBe(pin.size)
  })
})

describe('fork proof', () => {
  it('proves nothing when any byte is bent, and nothing about an honest log', async () => {
    trust = { ...trust, witnesses: [] }
    for (let i = 0; i < 3; i++) await advance([])
    const pin = await advance([])
    const { tree, checkpoint } = otherHistory(pin.size - 2, pin.size + 5)
    const proof = forkProofFrom(p, trust.log, pin, checkpoint, tree.consistency(pin.size))!
    const encoded = forkProofCodec.encode(proof)
    verifyForkProof(p, trust.log, forkProofCodec.decode(encoded))
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const bent = new Uint8Array(encoded)
        bent[at]! ^= bits
        expect(() => verifyForkProof(p, trust.log, forkProofCodec.decode(bent))).toThrow(AllmendError)
      }),
      { numRuns: 2_000 },
    )
    const now = await advance([])
    const honest = twin.session.tree.consistency(pin.size)
    expect(forkProofFrom(p, trust.log, pin, now, honest)).toBeUndefined()
    const claimed: ForkProof = {
      v: 1,
      checkpoint: encodeCheckpoint(p, trust.log, now),
      smaller: encodeCheckpoint(p, trust.log, pin),
      root: pin.root,
      proof: honest,
    }
    expect(equalBytes(claimed.root, pin.root)).toBe(true)
    expect(() => verifyForkProof(p, trust.log, claimed)).toThrow(UntrustedError)
    expect(() => verifyForkProof(p, trust.log, { ...claimed, root: seedOf('x') })).toThrow(UntrustedError)
    expect(() => verifyForkProof(p, trust.log, { ...claimed, smaller: undefined })).toThrow(AllmendError)
  })

  decoderConformance({
    name: 'fork proof',
    examples: [
      forkProofCodec.encode({
        v: 1,
        checkpoint: seedOf('a'),
        smaller: seedOf('b'),
        root: seedOf('c'),
        proof: [seedOf('d')],
      }),
      forkProofCodec.encode({
        v: 1,
        checkpoint: seedOf('a'),
        anchor: { size: 1, root: seedOf('e'), block: 2, blockHash: seedOf('f') },
        root: seedOf('c'),
        proof: [],
      }),
    ],
    decode: forkProofCodec.decode,
    encode: forkProofCodec.encode,
  })
})
