/** Attack 34, the chain's side of it: a tracker that shows other contracts than an admin has signed. */
import * as path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createMemoryLedger } from '../../src/adapters/memory/memory-ledger.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { exitCodeOf } from '../../src/apps/cli/exit-codes.ts'
import { startTracker } from '../../src/apps/tracker/start-tracker.ts'
import { bindLedger, boundLedger, sameChain } from '../../src/client/log/ledger/ledger-binding.ts'
import { ledgerReport } from '../../src/client/log/ledger/ledger-status.ts'
import { NotFoundError } from '../../src/core/open/errors.ts'
import { until } from '../fixtures/processes/process-pool.ts'
import { silent } from '../fixtures/provider-pool.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

let pool: TestPool
afterEach(() => pool.close())

test('what an admin signed is pinned by others, and another chain is exit 7', async () => {
  const { ledger } = createMemoryLedger({ primitives: nodePrimitives })
  pool = await startTestPool({ providers: 0, ledger: async () => ledger })
  const { alice } = pool
  const laptop = await pool.device('laptop')
  expect(await boundLedger(laptop)).toBeUndefined()
  await until(() =>
    bindLedger(alice).then(
      () => true,
      (error: unknown) => {
        // The tracker opens its ledger in the background.
        if (!(error instanceof NotFoundError)) throw error
        return undefined
      },
    ),
  )
  expect(sameChain(await until(() => boundLedger(laptop)), ledger.binding)).toBe(true)
  expect(sameChain((await laptop.log.pins()).chain!, ledger.binding)).toBe(true)
  expect((await ledgerReport(laptop)).contracts?.bound).toBe(true)

  await pool.tracker.close()
  const other = { ...ledger, binding: { ...ledger.binding, chainId: ledger.binding.chainId + 1 } }
  const lying = await startTracker({
    folder: path.join(pool.folder, 'tracker'),
    listen: pool.tracker.address,
    ledger: async () => other,
    logger: silent,
  })
  try {
    const error = await until(() =>
      ledgerReport(laptop).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    )
    expect(exitCodeOf(error)).toBe(7)
  } finally {
    await lying.close()
  }
})
