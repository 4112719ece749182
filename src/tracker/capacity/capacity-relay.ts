/**
 * Keeps the ledger's registry of providers up to date, and the tracker's draws with it. Invariants:
 * - nothing waits for it: heartbeats leave what they bring at the desk, and draws go on from the newest weights that were read.
 * - what is written is decided by what the ledger's final state holds, read again after each write: an outage of the chain, a kill or
 *   an answer that was lost costs time, and nothing is written twice.
 * - a provider that can't be admitted, or signs wrongly, keeps nobody else from the ledger.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, CancelledError, ConflictError } from '../../core/open/errors.ts'
import { providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import { FULL_SCORE, UNIT_BYTES, hasMoved, weightFor } from '../../core/open/placement/provider-weight.ts'
import { SLOTS_PER_DOMAIN } from '../../core/open/placement/weight-tree.ts'
import type { Clock } from '../../ports/clock.ts'
import type { LedgerReader } from '../../ports/ledger.ts'
import type {
  CapacityReport,
  LedgerProviders,
  LedgerProviderWriter,
  LedgerSpread,
  ProviderAdmission,
  ProviderAssessment,
} from '../../ports/ledger-providers.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'
import { slept } from '../../ports/slept.ts'
import type { TrackerEvents } from '../tracker-events.ts'
import type { CapacityDesk } from './capacity-desk.ts'
import type { DrawSources } from './draw-sources.ts'
import type { ProvenShards } from './proven-shards.ts'

/** What came in meanwhile is looked at so often, ms. */
const ROUND_MS = 1_000
/** Reports that aren't a provider's first wait so long for others, ms: one that flaps costs at most a transaction in this time. */
const REPORT_EVERY_MS = 5_000
/** Only this tracker's key writes there: that the ledger changed otherwise is rare, ms. */
const READ_EVERY_MS = 60_000
/** After a failure, ms; doubled each time up to the longest. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Admissions under way at once: a network with slow finality takes them into one block. */
const ADMISSIONS_AT_ONCE = 16
/** Of reports and assessments in one transaction. */
const MAX_BATCH = 64

/** The ledger's part that this needs. */
export type CapacityLedger = Pick<
  LedgerReader,
  'binding' | 'status' | 'providers' | 'spread' | 'reportContract' | 'isReportSigned'
> &
  Pick<LedgerProviderWriter, 'admitProvider' | 'reportCapacity' | 'assessProviders'>

export interface CapacityRelayParts {
  readonly store: TrackerStore
  readonly clock: Clock
  readonly events: Pick<TrackerEvents, 'providerAdmitted' | 'admissionFailed' | 'capacityFailed'>
  readonly desk: CapacityDesk
  readonly draws: DrawSources
  readonly proven: ProvenShards
}

export interface CapacityStatus {
  /** What the ledger held when it was read last. */
  readonly ledger:
    | (LedgerSpread & { readonly block: number; readonly providers: number; readonly drawable: number })
    | undefined
  /** Why it isn't up to date. */
  readonly problem: string | undefined
}

interface Round {
  readonly ledger: CapacityLedger
  readonly held: LedgerProviders
}

export class CapacityRelay {
  readonly #parts: CapacityRelayParts
  /** Providers that the ledger doesn't take, and why. */
  readonly #refused = new Map<string, string>()
  #held: LedgerProviders | undefined
  #reportedAt = Number.NEGATIVE_INFINITY
  #ledger: CapacityStatus['ledger']
  #failure: string | undefined
  #unitProblem: string | undefined

  constructor(parts: CapacityRelayParts) {
    this.#parts = parts
  }

  status(): CapacityStatus {
    return {
      ledger: this.#ledger,
      problem: this.#failure ?? this.#unitProblem ?? [...this.#refused.values()][0],
    }
  }

  /** Relays until the signal aborts; what is under way then is found by the next run. */
  async run(ledger: CapacityLedger, signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#parts
    let readAt = Number.NEGATIVE_INFINITY
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted)
      try {
        if (this.#held === undefined || clock.monotonic() - readAt >= READ_EVERY_MS) {
          this.#held = await this.#read(ledger)
          readAt = clock.monotonic()
        }
        const wrote = await this.#write({ ledger, held: this.#held })
        this.#failure = undefined
        pauseMs = FIRST_PAUSE_MS
        if (wrote) this.#held = undefined
        else await slept(clock, ROUND_MS, signal)
      } catch (error) {
        // The tracker is being stopped.
        if (error instanceof CancelledError) return
        events.capacityFailed(error, pauseMs)
        this.#failure = error instanceof AllmendError ? error.message : 'a fault of this tracker'
        // A write may have taken effect.
        readAt = Number.NEGATIVE_INFINITY
        await slept(clock, pauseMs, signal)
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      }
  }

  /** What the ledger holds in its newest final block, for draws and for the desk. */
  async #read(ledger: CapacityLedger): Promise<LedgerProviders> {
    const { desk, draws } = this.#parts
    const { final } = (await ledger.status()).chain
    const held = await ledger.providers(final.number)
    const spread = await ledger.spread(final.number)
    draws.useLedger(held, final)
    const { providers, unit } = held
    if (unit === UNIT_BYTES)
      desk.useLedger(held, { chainId: ledger.binding.chainId, contract: ledger.reportContract })
    // Providers sign amounts in their own unit: relayed to a ledger with another they would mean something else.
    this.#unitProblem =
      unit === UNIT_BYTES
        ? undefined
        : `the ledger counts in units of ${unit} bytes, providers report in ${UNIT_BYTES}`
    this.#ledger = {
      ...spread,
      block: final.number,
      providers: providers.length,
      drawable: providers.filter(({ weight }) => weight > 0).length,
    }
    return held
  }

  /** Writes what the ledger lacks; whether there was anything. */
  async #write(round: Round): Promise<boolean> {
    const admitted = await this.#admit(round)
    const reported = await this.#report(round)
    const assessed = await this.#assess(round)
    return admitted || reported || assessed
  }

  async #admit({ ledger, held }: Round): Promise<boolean> {
    const { events } = this.#parts
    const missing = this.#missing(held).slice(0, ADMISSIONS_AT_ONCE)
    const results = await Promise.allSettled(missing.map((one) => ledger.admitProvider(one)))
    let failure: unknown
    for (const [i, result] of results.entries()) {
      const { id } = missing[i]!
      if (result.status === 'fulfilled') {
        events.providerAdmitted(id, result.value.block.number)
        continue
      }
      const error: unknown = result.reason
      if (error instanceof ConflictError) {
        events.admissionFailed(id, error)
        this.#refuse(id, error.message)
      } else failure ??= error
    }
    if (failure !== undefined) throw failure
    return results.some(({ status }) => status === 'fulfilled')
  }

  #refuse(id: Uint8Array, why: string): void {
    this.#refused.set(toHex(id), `provider ${toHex(id).slice(0, 12)} is not on the ledger: ${why}`)
  }

  /** Providers that are registered, have a key for reports, and aren't in the ledger. */
  #missing({ providers }: LedgerProviders): ProviderAdmission[] {
    const there = new Set(providers.map(({ id }) => toHex(id)))
    const isFull = (domain: Uint8Array) =>
      providers.filter((one) => equalBytes(one.domain, domain)).length >= SLOTS_PER_DOMAIN
    return this.#parts.store.read((tables) =>
      tables.providers.providers().flatMap(({ id, net, operator, record }) => {
        if (there.has(toHex(id)) || this.#refused.has(toHex(id))) return []
        const { reporter } = providerRecordCodec.decode(record[0])
        if (reporter === undefined) return []
        if (isFull(operator)) {
          this.#refuse(id, `its failure domain has ${SLOTS_PER_DOMAIN} providers already`)
          return []
        }
        return [{ id, endpointKey: net, operator, domain: operator, reporter }]
      }),
    )
  }

  async #report({ ledger }: Round): Promise<boolean> {
    const { clock, desk } = this.#parts
    const wanted = desk.wanted()
    const isDue = clock.monotonic() - this.#reportedAt >= REPORT_EVERY_MS
    if (!isDue && !wanted.some(({ held }) => held.seq === 0)) return false
    const batch: CapacityReport[] = []
    for (const { report, held } of wanted) {
      if (batch.length === MAX_BATCH) break
      // One wrong signature would fail the batch of all.
      if (await ledger.isReportSigned(report, held.reporter)) batch.push(report)
      else desk.drop(report)
    }
    if (batch.length === 0) return false
    this.#reportedAt = clock.monotonic()
    await ledger.reportCapacity(batch)
    return true
  }

  /** Raises, or lowers, what providers with more room than they are believed are known to hold. */
  async #assess({ ledger, held }: Round): Promise<boolean> {
    const { store, proven } = this.#parts
    const roomy = held.providers.filter(
      ({ retired, capacity, used }) => !retired && capacity - used > held.ramp,
    )
    if (roomy.length === 0) return false
    const due = store.read((tables) =>
      roomy.flatMap((provider): ProviderAssessment[] => {
        const next = { ...provider, proven: proven.of(tables, provider.id), score: FULL_SCORE }
        const moves = hasMoved(provider.weight, weightFor(next, held.ramp), provider.weight)
        return moves ? [{ id: next.id, proven: next.proven, score: next.score }] : []
      }),
    )
    if (due.length === 0) return false
    await ledger.assessProviders(due.slice(0, MAX_BATCH))
    return true
  }
}
