import { AllmendError } from '../../core/open/errors.ts'
import { claimName as claimNameMethod } from '../../core/open/protocol/log-methods.ts'
import type { LedgerBinding, SigningDomain } from '../../ports/ledger-chain.ts'
import type { NameSigner } from '../../ports/ledger-names.ts'
import type { Client } from '../client.ts'
import { boundLedger, trackerLedger } from '../log/ledger/ledger-binding.ts'

export interface ClaimParameters {
  /** 32 bytes, `memberEvmKey` of the phrase: neither sent nor kept. */
  readonly key: Uint8Array
  readonly signerFor: (domain: SigningDomain) => Promise<NameSigner>
}

export interface ClaimedName {
  /** The ledger that it is claimed on. */
  readonly ledger: LedgerBinding
  /** Where it is registered, as the tracker says; undefined while it waits to be relayed. */
  readonly block: number | undefined
}

/**
 * Claims this member's name on the ledger: signs that it is his under his own key, and hands that to the tracker, which relays it.
 *
 * @throws NotFoundError where the tracker has no ledger, or not yet; ConflictError where it takes no such claim; UntrustedError when it
 *   names another ledger than the pool is bound to.
 */
export async function claimName(client: Client, { key, signerFor }: ClaimParameters): Promise<ClaimedName> {
  const { identity, tracker } = client
  const { domain, ledger } = await nameDomain(client)
  const { name, owner, signature } = await (
    await signerFor(domain)
  ).signClaim(key, {
    name: identity.memberName,
    member: identity.member,
  })
  const { block } = await tracker.call(claimNameMethod, { name, owner, ...domain, signature })
  return { ledger, block }
}

/**
 * What a claim is signed for: what the chain itself says through the pinned directory, else what the tracker does. A tracker that lies
 * gains nothing: the signature says the truth wherever it is shown, and holds for a registry that is nobody's.
 */
async function nameDomain(client: Client): Promise<{ domain: SigningDomain; ledger: LedgerBinding }> {
  const chain = await boundLedger(client)
  if (chain !== undefined && client.withLedger !== undefined)
    try {
      const contract = await client.withLedger(chain, async ({ nameContract }) => nameContract)
      return { domain: { chainId: chain.chainId, contract }, ledger: chain }
    } catch (error) {
      if (!(error instanceof AllmendError) || error.policy !== 'retry') throw error
    }
  const ledger = await trackerLedger(client)
  return { domain: { chainId: ledger.chainId, contract: ledger.names }, ledger }
}
