/** A home's name on the ledger. The key that answers for it exists only in here, while the 24 words are at hand. */
import { equalBytes } from '../../core/open/bytes.ts'
import { AllmendError, UsageError } from '../../core/open/errors.ts'
import { deriveMemberKeys, memberEvmKey } from '../../core/secret/member-keys.ts'
import type { Client } from '../../client/client.ts'
import { claimName } from '../../client/membership/claim-name.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import type { HomeFolder } from './home-folder.ts'

export type HomeClaim =
  /** `block`: where it is registered, as the tracker says. */
  | { readonly state: 'registered'; readonly block: number }
  /** Handed in: the tracker relays it. */
  | { readonly state: 'waiting' }
  | { readonly state: 'unclaimed'; readonly why: string }

/** Claims the name of the home's member, and remembers that; UsageError for another's words, else as `claimName` throws. */
export async function claimHomeName(
  home: HomeFolder,
  client: Client,
  entropy: Uint8Array,
): Promise<Exclude<HomeClaim, { state: 'unclaimed' }>> {
  if (!equalBytes(deriveMemberKeys(nodePrimitives, entropy).memberId, client.identity.member))
    throw new UsageError('these are the words of another member than this home’s')
  const key = memberEvmKey(nodePrimitives, entropy)
  try {
    const { ledger, block } = await claimName(client, {
      key,
      // Only who claims needs what Ethereum's signatures take.
      signerFor: async (domain) =>
        (await import('../../adapters/evm/typed-data.ts')).createNameSigner(domain),
    })
    const { chainId, directory } = ledger
    await home.saveConfig({ ...(await home.config()), claimed: { chainId, directory } })
    return block === undefined ? { state: 'waiting' } : { state: 'registered', block }
  } finally {
    key.fill(0)
  }
}

/** As `claimHomeName`, where a name that can't be claimed now is no failure: the ledger may come later, or be away. */
export async function claimIfPossible(
  home: HomeFolder,
  client: Client,
  entropy: Uint8Array,
): Promise<HomeClaim> {
  try {
    return await claimHomeName(home, client, entropy)
  } catch (error) {
    if (!(error instanceof AllmendError) || error.policy === 'blame-peer') throw error
    return { state: 'unclaimed', why: error.message }
  }
}
