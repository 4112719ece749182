/**
 * Brings members' claims of their names to the ledger. Invariants:
 * - a claim is kept from the moment it is acknowledged until the ledger's final state shows it; a kill or an outage of the chain
 *   costs time, never a claim. A write that had taken effect is found, not repeated (ports/ledger.ts).
 * - nothing waits for it: no transaction of the store is open while the chain is asked.
 * - a name that another member holds there is a problem that is told, and tried again seldom: only the chain could take it back.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { AllmendError, CancelledError, ConflictError, DeniedError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type { LedgerNameWriter } from '../../ports/ledger-names.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'
import type { NameClaimRow } from '../../ports/tracker-store-members.ts'
import type { TrackerEvents } from '../tracker-events.ts'
import { aborted } from '../../ports/aborted.ts'
import { slept } from '../../ports/slept.ts'

/** Transactions under way at once: a network with slow finality takes them into one block. */
const AT_ONCE = 16
/** A chain that was away, or an anchoring address without funds, is tried again after this, ms. */
const RETRY_MS = 10_000
/** What the contract refuses it will refuse again, ms. */
const REFUSED_MS = 3_600_000

/** The ledger's part that names need. */
export type NameLedger = Pick<LedgerReader, 'binding' | 'status' | 'nameContract' | 'nameRecord'> &
  Pick<LedgerNameWriter, 'registerName'>

interface Outcome {
  readonly block?: number
  readonly problem?: string
  /** Until the next try, ms. */
  readonly again: number
}

export interface NameRelayParts {
  readonly store: TrackerStore
  readonly clock: Clock
  readonly events: Pick<TrackerEvents, 'nameRegistered' | 'claimFailed' | 'relayFailed'>
}

export class NameRelay {
  readonly #parts: NameRelayParts
  #woken = new AbortController()

  constructor(parts: NameRelayParts) {
    this.#parts = parts
  }

  /** Something new is to be relayed. */
  wake(): void {
    this.#woken.abort()
  }

  /** Claims that aren't on the ledger yet, and why the oldest that fails does. */
  status(): { readonly waiting: number; readonly problem: string | undefined } {
    return this.#parts.store.read(({ members }) => ({
      waiting: members.waitingClaimCount(),
      problem: members.claimProblem(),
    }))
  }

  /** Relays until the signal aborts; what is under way then is found by the next run. */
  async run(ledger: NameLedger, signal: AbortSignal): Promise<void> {
    const { store, clock, events } = this.#parts
    let isFirst = true
    while (!signal.aborted) {
      // Before looking: what comes in between shortens the pause.
      this.#woken = new AbortController()
      const until = AbortSignal.any([signal, this.#woken.signal])
      try {
        if (isFirst) store.write(({ members }) => members.retryClaims())
        isFirst = false
        const now = clock.now()
        const due = store.read(({ members }) => members.dueClaims(now, AT_ONCE))
        await Promise.all(due.map((claim) => this.#relay(ledger, claim)))
        if (due.length === AT_ONCE) continue
        const next = store.read(({ members }) => members.nextClaimTime())
        await (next === undefined ? aborted(until) : slept(clock, Math.max(0, next - clock.now()), until))
      } catch (error) {
        // The store's: a full disk may have room again.
        events.relayFailed(error)
        await slept(clock, RETRY_MS, until)
      }
    }
  }

  async #relay(ledger: NameLedger, claim: NameClaimRow): Promise<void> {
    const { store, clock, events } = this.#parts
    let outcome: Outcome
    try {
      outcome = await register(ledger, claim)
    } catch (error) {
      // The tracker is being stopped.
      if (error instanceof CancelledError) return
      events.claimFailed(claim.member, error)
      const why = error instanceof AllmendError ? error.message : 'a fault of this tracker'
      const isRefused = error instanceof ConflictError || error instanceof DeniedError
      outcome = {
        problem: `the name ${claim.name} is not on the ledger: ${why}`,
        again: isRefused ? REFUSED_MS : RETRY_MS,
      }
    }
    const { block, problem, again } = outcome
    const tryAt = clock.now() + again
    store.write(({ members }) => {
      const now = members.nameClaim(claim.member)
      // Another claim came in between: it has its own turn.
      if (now === undefined || !equalBytes(now.signature, claim.signature)) return
      members.putNameClaim({ ...now, block, problem, tryAt })
    })
    if (block !== undefined) events.nameRegistered(claim.member, block)
  }
}

/** Throws what the ledger throws. */
async function register(ledger: NameLedger, claim: NameClaimRow): Promise<Outcome> {
  const { name, member, chainId, contract } = claim
  if (chainId !== ledger.binding.chainId || !equalBytes(contract, ledger.nameContract))
    throw new ConflictError('the claim is signed for another registry than this pool’s')
  try {
    const { block } = await ledger.registerName(claim)
    return { block: block.number, again: 0 }
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
    const held = await ledger.nameRecord(name)
    if (held === undefined) throw error
    if (!equalBytes(held.member, member))
      throw new ConflictError('it belongs to another member there', {}, { cause: error })
    // The member's own, under another key: an earlier claim, or one whose owner was rotated.
    const { block } = (await ledger.status()).chain
    return { block: block.number, again: 0 }
  }
}
