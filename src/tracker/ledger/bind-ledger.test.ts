import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TestMember } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { TrackerPool } from '../../../test/fixtures/tracker/tracker-pool.ts'
import { createMemoryLedger } from '../../adapters/memory/memory-ledger.ts'
import { nodePrimitives as p } from '../../adapters/native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import { ConflictError, DeniedError, UntrustedError } from '../../core/open/errors.ts'
import { entryCodec } from '../../core/open/log/entry.ts'
import { POLICY, mapPolicy } from '../../core/open/log/map/map-key.ts'
import type { SignedBinding } from '../../core/open/objects/ledger-binding.ts'
import { ledgerBindingCodec } from '../../core/open/objects/ledger-binding.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { signObject } from '../../core/open/objects/signed.ts'
import { bindLedger } from '../../core/open/protocol/log-methods.ts'
import { trackerLedger } from './tracker-ledger.ts'

const { ledger } = createMemoryLedger({ primitives: p })
let pool: TrackerPool
let alice: TestMember
let bob: TestMember
beforeEach(async () => {
  pool = new TrackerPool()
  alice = await pool.found()
  bob = await pool.join(alice, 'bob')
  pool.ledger = {
    problem: undefined,
    ledger: trackerLedger(ledger, () => ({ anchored: undefined, lag: 0, lagMs: 0, problem: undefined })),
  }
})
afterEach(() => pool.close())

function binding(by: TestMember, changes: Partial<SignedBinding> = {}, seed = by.deviceSeed): Signed {
  const { chainId, directory, codeHash, anchor } = ledger.binding
  return signObject(p, 'ledger-binding', pool.pool, seed, ledgerBindingCodec, {
    suite: 1,
    chainId,
    directory,
    codeHash,
    anchor,
    member: by.id,
    device: by.device,
    ...changes,
  })
}

const size = () => pool.store.read(({ log }) => log.size())

test('an admin binds the pool to its ledger, once, and the map shows it', async () => {
  const signed = binding(alice)
  await alice.call(bindLedger, { binding: signed })
  pool.tracker.state.log.seal()
  const index = pool.tracker.state.log.newestIndex(mapPolicy(p, POLICY.ledger))!
  const leaf = pool.store.read(({ proofs }) => proofs.leaf(index)!.leaf)
  expect(toHex(entryCodec.decode(leaf).body)).toBe(toHex(signed[0]))
  const before = size()
  await expect(alice.call(bindLedger, { binding: signed })).rejects.toBeInstanceOf(ConflictError)
  expect(size()).toBe(before)
})

test('nobody else binds it, nor to what the tracker does not anchor in', async () => {
  const before = size()
  await expect(bob.call(bindLedger, { binding: binding(bob) })).rejects.toBeInstanceOf(DeniedError)
  await expect(bob.call(bindLedger, { binding: binding(alice) })).rejects.toBeInstanceOf(DeniedError)
  const forged = binding(alice, {}, bob.deviceSeed)
  await expect(alice.call(bindLedger, { binding: forged })).rejects.toBeInstanceOf(UntrustedError)
  for (const other of [{ chainId: 5 }, { directory: new Uint8Array(20) }, { codeHash: new Uint8Array(32) }])
    await expect(alice.call(bindLedger, { binding: binding(alice, other) })).rejects.toBeInstanceOf(
      ConflictError,
    )
  pool.ledger = undefined
  await expect(alice.call(bindLedger, { binding: binding(alice) })).rejects.toBeInstanceOf(ConflictError)
  expect(size()).toBe(before)
})
