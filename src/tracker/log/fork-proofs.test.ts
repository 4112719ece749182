import { afterEach, beforeEach, expect, test } from 'vitest'
import { logMember } from '../../../test/fixtures/log/log-member.ts'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import type { TestMember } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { learnForks } from '../../client/log/learn-forks.ts'
import { toHex } from '../../core/open/bytes.ts'
import { logIdentity, signCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { forkProofCodec, forkProofFrom } from '../../core/open/log/heads/fork-proof.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import { forkProofs, reportFork } from '../../core/open/protocol/log-methods.ts'
import { ForkProofs, MAX_FORK_PROOFS } from './fork-proofs.ts'

let pool: TrackerPool
let alice: TestMember
beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  pool.tracker.state.log.seal()
})
afterEach(() => pool.close())

const identity = () => logIdentity(genesisCodec.decode(pool.genesis))

/** Two roots at the newest size, the other one named so. */
function fork(other: string): Uint8Array {
  const { checkpoint } = pool.tracker.state.log.sealed!
  const { size } = checkpoint
  const head = signCheckpoint(p, identity(), pool.logSeed, { size, root: seedOf(other) })
  return forkProofCodec.encode(forkProofFrom(p, identity(), head, checkpoint, [])!)
}

/** Against a head that somebody says is on the ledger: true of no ledger. */
function anchored(other: string): Uint8Array {
  const { checkpoint } = pool.tracker.state.log.sealed!
  const anchor = { size: checkpoint.size, root: seedOf(other), block: 1, blockHash: seedOf('block') }
  return forkProofCodec.encode(forkProofFrom(p, identity(), anchor, checkpoint, [])!)
}

test('the first proofs stay, whatever is handed in after them, and what needs the ledger takes no place of theirs', async () => {
  for (let i = 0; i < 2 * MAX_FORK_PROOFS; i++) await alice.call(reportFork, { proof: anchored(`${i}`) })
  expect(pool.evidence.length).toBe(MAX_FORK_PROOFS)
  for (let i = 0; i < 2 * MAX_FORK_PROOFS; i++) await alice.call(reportFork, { proof: fork(`${i}`) })
  await alice.call(reportFork, { proof: fork('0') })
  expect(pool.evidence.length).toBe(2 * MAX_FORK_PROOFS)
  const { proofs } = await alice.call(forkProofs, {})
  expect(proofs.map(toHex)).toEqual([0, 1, 2, 3].map((i) => toHex(fork(`${i}`))))
  await expect(alice.call(reportFork, { proof: Uint8Array.of(1) })).rejects.toThrow()
  // They are there again at the next start, and nothing that isn't one.
  const saved: Uint8Array[] = []
  const again = new ForkProofs([Uint8Array.of(1), ...pool.evidence], (proof) => saved.push(proof))
  expect(again.signed.length).toBe(MAX_FORK_PROOFS)
  expect(again.keep(fork('more'))).toBe(false)
  expect(saved).toEqual([])
})

test('a member learns of a fork that another has met, and of none that is not proven', async () => {
  const bob = await pool.join(alice, 'bob')
  pool.tracker.state.log.seal()
  await alice.call(reportFork, { proof: anchored('other') })
  const { log } = logMember(bob, 'bob')
  await log.view()
  await learnForks(log)
  expect((await log.pins()).forked).toBeUndefined()
  await alice.call(reportFork, { proof: fork('other') })
  await learnForks(log)
  expect((await log.pins()).forked?.reason).toMatch(/others were shown/)
  await expect(log.writable()).rejects.toThrow(/two histories/)
})
