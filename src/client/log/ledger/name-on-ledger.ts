/** Whether the ledger has the member behind a name that the log has (SECURITY.md section 3): who of them lies can't be told from here, that they disagree can. */
import { equalBytes } from '../../../core/open/bytes.ts'
import { AllmendError, NotFoundError } from '../../../core/open/errors.ts'
import type { WithLedger } from '../../../ports/ledger.ts'
import type { PinnedChain } from '../../../ports/pin-store.ts'
import type { EvidenceParts } from '../accuse.ts'
import { mistrust } from '../accuse.ts'
import type { Evidence } from '../log-evidence.ts'

export type NameOnLedger =
  /** The same member; `block` is the final one that was asked about. */
  | { readonly state: 'registered'; readonly block: number }
  /** Nobody has the name there yet: not claimed, or the tracker has not relayed it. */
  | { readonly state: 'absent'; readonly block: number }
  /** The pool has no ledger, or no node of its chain is known or answers. */
  | { readonly state: 'unasked'; readonly why: string }

export interface LedgerQuestion {
  readonly name: string
  /** Who has it by the log, or by this home. */
  readonly member: Uint8Array
  /** What shows that. */
  readonly evidence?: Partial<Evidence>
}

/** Throws UntrustedError, with evidence on disk, when the ledger gives the name to another member or shows other contracts than those pinned. */
export async function nameOnLedger(
  { parts, withLedger }: { readonly parts: EvidenceParts; readonly withLedger: WithLedger | undefined },
  chain: PinnedChain | undefined,
  { name, member, evidence }: LedgerQuestion,
): Promise<NameOnLedger> {
  if (chain === undefined) return { state: 'unasked', why: 'no ledger of this pool is known here yet' }
  if (withLedger === undefined) return { state: 'unasked', why: 'no node of its chain is known here' }
  let found
  try {
    found = await withLedger(chain, async (ledger) => {
      // Of a block that could still be taken back, nobody is accused.
      const { final } = (await ledger.status()).chain
      return { block: final, record: await ledger.nameRecord(name, final.number) }
    })
  } catch (error) {
    const isAway =
      error instanceof AllmendError && (error.policy === 'retry' || error instanceof NotFoundError)
    if (!isAway) throw error
    return { state: 'unasked', why: error.message }
  }
  const { block, record } = found
  if (record === undefined) return { state: 'absent', block: block.number }
  if (equalBytes(record.member, member)) return { state: 'registered', block: block.number }
  const { chainId, directory } = chain
  throw await mistrust(
    { parts },
    `the name ${name} is one member's in the log and another's on the ledger (block ${block.number}): one of them was forged`,
    {
      ...evidence,
      name: {
        name,
        member,
        held: record.member,
        owner: record.owner,
        chainId,
        directory,
        block: [block.number, block.hash],
      },
    },
    { member, held: record.member, block: block.number },
  )
}
