/**
 * Between providers' heartbeats and the ledger: whom to ask for a signature, and what was signed. Invariants:
 * - asked is only who is in the ledger, whose key it knows, and whose amounts would move there: a signature that nobody needs isn't made.
 * - kept is the newest signed report of each provider, in memory only: what gets lost is asked for again.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { reportMoves, unitsOf, weightFor } from '../../core/open/placement/provider-weight.ts'
import type { SigningDomain } from '../../ports/ledger-chain.ts'
import type { CapacityReport, LedgerProvider, LedgerProviders } from '../../ports/ledger-providers.ts'

export interface ReportAsk extends SigningDomain {
  /** The newest that the ledger has: the next must be above. */
  readonly seq: number
}

export class CapacityDesk {
  #domain: SigningDomain | undefined
  #ramp = 0
  #held: ReadonlyMap<string, LedgerProvider> = new Map()
  readonly #signed = new Map<string, CapacityReport>()

  /** What the ledger has now; reports that it made useless are dropped. */
  useLedger({ providers, ramp }: LedgerProviders, domain: SigningDomain): void {
    this.#domain = domain
    this.#ramp = ramp
    this.#held = new Map(providers.map((provider) => [toHex(provider.id), provider]))
    for (const report of this.#signed.values()) if (!this.#isWanted(report)) this.drop(report)
  }

  /** What this provider should sign now, if anything; amounts in bytes, `reporter` is the address that its record names. */
  askOf(
    id: Uint8Array,
    amounts: { readonly capacity: number; readonly used: number },
    reporter: () => Uint8Array | undefined,
  ): ReportAsk | undefined {
    const held = this.#held.get(toHex(id))
    if (this.#domain === undefined || held === undefined || held.retired) return undefined
    const capacity = unitsOf(amounts.capacity)
    const used = unitsOf(amounts.used)
    if (!reportMoves(held, { capacity, used }, this.#ramp)) {
      // What was signed meanwhile and isn't relayed yet is over.
      this.#signed.delete(toHex(id))
      return undefined
    }
    const signed = this.#signed.get(toHex(id))
    if (signed !== undefined) {
      const next = { ...held, capacity: signed.capacity, used: signed.used }
      const weight = weightFor(next, this.#ramp)
      if (!reportMoves({ ...next, weight }, { capacity, used }, this.#ramp)) return undefined
    }
    const own = reporter()
    if (own === undefined || !equalBytes(own, held.reporter)) return undefined
    return { ...this.#domain, seq: Math.max(held.seq, signed?.seq ?? 0) }
  }

  /** Takes in a signed report; whether its signature holds is looked at when it is relayed. */
  take(report: CapacityReport): void {
    if (this.#isWanted(report)) this.#signed.set(toHex(report.id), report)
  }

  /** Signed reports that would move something in the ledger, and what it holds of their providers. */
  wanted(): { readonly report: CapacityReport; readonly held: LedgerProvider }[] {
    return [...this.#signed.values()].flatMap((report) => {
      const held = this.#held.get(toHex(report.id))
      return held === undefined ? [] : [{ report, held }]
    })
  }

  drop(report: CapacityReport): void {
    const key = toHex(report.id)
    if (this.#signed.get(key) === report) this.#signed.delete(key)
  }

  #isWanted(report: CapacityReport): boolean {
    const held = this.#held.get(toHex(report.id))
    return (
      held !== undefined && !held.retired && report.seq > held.seq && reportMoves(held, report, this.#ramp)
    )
  }
}
