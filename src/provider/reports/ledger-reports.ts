/**
 * What a provider signs for the pool's ledger when its tracker asks: capacity and use, in units. Invariants:
 * - its seq rises, across restarts too: it is the time in seconds, or one more than the last.
 * - amounts are its own, and their unit is fixed: a tracker chooses neither. That it names another chain or contract makes the signature
 *   useless there, and gives it nothing here: no other contract knows the key.
 */
import { unitsOf } from '../../core/open/placement/provider-weight.ts'
import { MAX_WEIGHT } from '../../core/open/placement/weight-tree.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { CapacityReport } from '../../ports/ledger-providers.ts'

/** How far ahead of this clock the ledger's seq may be: beyond, a tracker could use all of them up. */
const MAX_AHEAD_SECONDS = 24 * 3_600

export type ReportBody = Pick<CapacityReport, 'id' | 'capacity' | 'used' | 'seq'>

export interface LedgerReportsParts {
  readonly id: Uint8Array
  readonly clock: Clock
  /** 64 bytes, by the key whose address the provider's record names. */
  readonly sign: (domain: SigningDomain, body: ReportBody) => Promise<Uint8Array>
}

export class LedgerReports {
  readonly #parts: LedgerReportsParts
  #last = 0
  #next: Omit<CapacityReport, 'id'> | undefined

  constructor(parts: LedgerReportsParts) {
    this.#parts = parts
  }

  /** Signed and to be sent, until it is acknowledged. */
  pending(): Omit<CapacityReport, 'id'> | undefined {
    return this.#next
  }

  acknowledge(sent: Omit<CapacityReport, 'id'> | undefined): void {
    if (this.#next === sent) this.#next = undefined
  }

  /** Signs bytes of capacity and use for an ask of the tracker, whose `seq` is the newest that the ledger has. */
  async answer(
    { chainId, contract, seq: known }: SigningDomain & { readonly seq: number },
    amounts: { readonly capacity: number; readonly used: number },
  ): Promise<void> {
    const { id, clock, sign } = this.#parts
    const now = Math.floor(clock.now() / 1_000)
    const seq = Math.max(now, this.#last + 1, Math.min(known + 1, now + MAX_AHEAD_SECONDS))
    if (seq > MAX_WEIGHT) return
    this.#last = seq
    const body = { id, capacity: unitsOf(amounts.capacity), used: unitsOf(amounts.used), seq }
    const signature = await sign({ chainId, contract }, body)
    this.#next = { capacity: body.capacity, used: body.used, seq, signature }
  }
}
