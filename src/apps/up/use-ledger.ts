import { setTimeout as delay } from 'node:timers/promises'
import { bindLedger } from '../../client/log/ledger/ledger-binding.ts'
import { NotFoundError } from '../../core/open/errors.ts'
import type { Logger } from '../../ports/logger.ts'
import { readLedgerRecord } from '../tracker/ledger-record.ts'
import type { PoolLayout } from './pool-layout.ts'
import { claimMember, unclaimedMembers, withAdmin } from './pool-members.ts'

/** The contracts are deployed within a second of the pool's founding; a network that takes longer is bound at another start. */
const LEDGER_MS = 15_000
const LEDGER_PAUSE_MS = 100

/** Binds a new pool to its ledger and claims its members' names there; what fails is tried again at the next start. */
export async function useLedger(layout: PoolLayout, logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    await withAdmin(layout, (admin) => onceThere(() => bindLedger(admin), signal))
  } catch (error) {
    logger.warn({ why: String(error) }, 'the pool is not bound to its ledger')
  }
  try {
    const record = await readLedgerRecord(layout.tracker)
    if (record === undefined) return
    for (const member of await unclaimedMembers(layout, record.binding))
      await onceThere(() => claimMember(member), signal)
  } catch (error) {
    logger.warn({ why: String(error) }, 'not all names are claimed on the ledger')
  }
}

/** Tries again while the tracker has no ledger yet. */
async function onceThere(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const end = performance.now() + LEDGER_MS
  for (;;)
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof NotFoundError) || performance.now() > end) throw error
      await delay(LEDGER_PAUSE_MS, undefined, { signal })
    }
}
