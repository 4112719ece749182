import type { Client } from '../../../client/client.ts'
import { AllmendError } from '../../../core/open/errors.ts'
import { exchangeNetwork } from '../../../core/open/protocol/network-methods.ts'
import type { PoolNetwork } from './pool-network.ts'

/** Bootstrap nodes and relays change seldom, and three of them would do. */
const REFRESH_MS = 10 * 60_000
/** A second relay may be just starting; without any, difficult networks are out of reach. */
const REFRESH_ONE_RELAY_MS = 30_000

/** Asks the pool for its bootstrap nodes and relays where what is known is old; a hint fewer where that fails. */
export async function learnNetwork(
  client: Pick<Client, 'tracker'>,
  { mode, book }: Pick<PoolNetwork, 'mode' | 'book'>,
): Promise<void> {
  if (mode === 'tls' || book.age < refreshAfter(book.relays.length)) return
  try {
    await book.learn(await client.tracker.call(exchangeNetwork, { known: book.version }))
  } catch (error) {
    // The command itself says what is wrong with the tracker, or does without it.
    if (!(error instanceof AllmendError)) throw error
  }
}

function refreshAfter(relays: number): number {
  if (relays === 0) return 0
  return relays === 1 ? REFRESH_ONE_RELAY_MS : REFRESH_MS
}
