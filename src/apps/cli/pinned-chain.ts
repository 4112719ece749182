import type { Client } from '../../client/client.ts'
import { ledgerReport } from '../../client/log/ledger/ledger-status.ts'
import { NotFoundError } from '../../core/open/errors.ts'
import type { PinnedChain } from '../../ports/pin-store.ts'

/** The chain of the pool as it was pinned, now if it wasn't; throws NotFoundError where the pool has none. */
export async function pinnedChain(client: Client): Promise<PinnedChain> {
  await ledgerReport(client)
  const { chain } = await client.log.pins()
  if (chain === undefined)
    throw new NotFoundError(
      'no admin has bound this pool to a ledger yet: its log is proven by its own signatures and witnesses',
    )
  return chain
}
