/** The ledger as the tracker shows it; wired by the app, absent where a pool has none. Nothing here is waited for by a commit. */
import type { LedgerBinding, LedgerStatus } from '../../ports/ledger-chain.ts'
import type { AnchoredHead, Ledger } from '../../ports/ledger.ts'

export interface AnchoringView {
  readonly anchored: AnchoredHead | undefined
  /** Entries that aren't anchored, and how long the oldest of them has waited, ms. */
  readonly lag: number
  readonly lagMs: number
  readonly problem: { readonly code: string; readonly message: string } | undefined
}

export interface TrackerLedger {
  readonly binding: LedgerBinding
  /** The registry of names, 20 bytes. */
  readonly nameContract: Uint8Array
  status(): Promise<LedgerStatus>
  headAt(index: number): Promise<AnchoredHead | undefined>
  anchoring(): AnchoringView
}

/** What the tracker shows of a ledger, and of how anchoring in it stands. */
export function trackerLedger(
  ledger: Pick<Ledger, 'binding' | 'nameContract' | 'status' | 'headAt'>,
  anchoring: () => AnchoringView,
): TrackerLedger {
  const { binding, nameContract } = ledger
  return {
    binding,
    nameContract,
    status: () => ledger.status(),
    headAt: (index) => ledger.headAt(index),
    anchoring,
  }
}

/** The ledger once it is open, and why it isn't. */
export interface LedgerAccess {
  readonly ledger: TrackerLedger | undefined
  readonly problem: string | undefined
}
