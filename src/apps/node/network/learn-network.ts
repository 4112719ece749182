import type { Client } from '../../../client/client.ts'
import { AllmendError } from '../../../core/open/errors.ts'
import { exchangeNetwork } from '../../../core/open/protocol/network-methods.ts'
import type { PoolNetwork } from './pool-network.ts'

/** Bootstrap nodes and relays change seldom. */
const REFRESH_MS = 10 * 60_000
/** So many keep a pool connected while one is gone. A home that knows fewer asks with each command, as another may have just begun. */
const ENOUGH_RELAYS = 2

/** Asks the pool for its bootstrap nodes and relays where what is known is old; a hint fewer where that fails. */
export async function learnNetwork(
  client: Pick<Client, 'tracker'>,
  { mode, book }: Pick<PoolNetwork, 'mode' | 'book'>,
): Promise<void> {
  if (mode === 'tls' || (book.relays.length >= ENOUGH_RELAYS && book.age < REFRESH_MS)) return
  try {
    await book.learn(await client.tracker.call(exchangeNetwork, { known: book.version }))
  } catch (error) {
    // The command itself says what is wrong with the tracker, or does without it.
    if (!(error instanceof AllmendError)) throw error
  }
}
