/** How commands come to ask a pool's chain themselves, and not only their tracker. */
import type { Client } from '../../client/client.ts'
import { NotFoundError, UnreachableError } from '../../core/open/errors.ts'
import type { EvmLedger } from '../../adapters/evm/evm-ledger.ts'
import { withChain } from '../node/chain-heads.ts'
import { HomeFolder } from '../node/home-folder.ts'
import type { CommandContext } from './context.ts'
import { pinnedChain } from './pinned-chain.ts'

/**
 * What `use` finds on the pool's chain: by the node that was named, else by the one that the home knows, where a chain that is away, or
 * not bound yet, is told in a note. Undefined where it wasn't asked.
 */
export async function askChain<T>(
  { home, output }: CommandContext,
  client: Client,
  named: string | undefined,
  use: (ledger: EvmLedger) => Promise<T>,
): Promise<T | undefined> {
  const ask = async (url: string) => withChain(url, client.identity.pool, await pinnedChain(client), use)
  if (named !== undefined) return ask(named)
  const known = await chainUrlOf(home)
  if (known === undefined) return undefined
  try {
    return await ask(known)
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof UnreachableError)) throw error
    output.note(`The chain was not asked: ${error.message}.`)
    return undefined
  }
}

async function chainUrlOf(path: string): Promise<string | undefined> {
  try {
    return (await (await HomeFolder.open(path)).config()).chainUrl
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
