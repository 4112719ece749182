import type { WeightedProviders } from '../core/open/placement/placement.ts'
import type { Receipt } from './ledger-chain.ts'

/** A provider in the ledger. Amounts are in `unit` bytes (LedgerProviders.unit), rounded down. */
export interface LedgerProvider {
  /** H("peer", net key), 32 bytes. */
  readonly id: Uint8Array
  /** Its place in the balancer: domain index * 64 + place in the domain. Never reused. */
  readonly slot: number
  /** Raw Ed25519 net key. */
  readonly endpointKey: Uint8Array
  /** Operator id, 32 bytes. */
  readonly operator: Uint8Array
  /** Failure domain, 32 bytes: the operator's id unless the pool's policy says otherwise. */
  readonly domain: Uint8Array
  /** 20-byte address whose key signs the capacity reports. */
  readonly reporter: Uint8Array
  readonly capacity: number
  readonly used: number
  /** What audits have shown it to hold. */
  readonly proven: number
  /** 0 to 10,000: what failed audits leave of its weight. */
  readonly score: number
  /** Of its newest report. */
  readonly seq: number
  /** Its weight in the draw; 0: never drawn. */
  readonly weight: number
  readonly retired: boolean
}

export interface LedgerProviders {
  /** Bytes that one unit of capacity and weight stands for. */
  readonly unit: number
  /** Free units that a provider is believed to have beyond what is proven. */
  readonly ramp: number
  /** In the order of their slots within their domains. */
  readonly providers: readonly LedgerProvider[]
  /** Failure domains by index. */
  readonly domains: readonly Uint8Array[]
  /** The block that this is the state of. */
  readonly block: number
}

export interface ProviderAdmission {
  readonly id: Uint8Array
  readonly endpointKey: Uint8Array
  readonly operator: Uint8Array
  readonly domain: Uint8Array
  readonly reporter: Uint8Array
  /** EIP-712 `Admit` by the pool's admitter, 65 bytes; needed where the pool has one. */
  readonly signature?: Uint8Array
}

/** Signed by the provider's reporter key (EIP-712 `Report`); amounts in units. */
export interface CapacityReport {
  readonly id: Uint8Array
  readonly capacity: number
  readonly used: number
  /** Rises with every report. */
  readonly seq: number
  /** 64 bytes r, s, as ECDSA gives them. */
  readonly signature: Uint8Array
}

/** What the pool found out about a provider. */
export interface ProviderAssessment {
  readonly id: Uint8Array
  /** Units that audits have shown it to hold. */
  readonly proven: number
  /** 0 to 10,000. */
  readonly score: number
}

/** A draw of distinct providers (docs/spec/contracts.md); equal arguments at one block give equal answers everywhere. */
export interface LedgerDraw {
  /** 32 bytes. */
  readonly seed: Uint8Array
  /** 1 to 64. */
  readonly count: number
  /** Shards that one failure domain may hold where the pool is wide enough. */
  readonly maxPerDomain: number
  /** Providers that are down or have no room: skipped on the record. */
  readonly skipped: readonly Uint8Array[]
  /** Failure domains of the stripe's other shards, one entry a shard. */
  readonly held: readonly Uint8Array[]
}

export interface LedgerPick {
  /** In the order of the shards. */
  readonly providers: readonly Uint8Array[]
  /** Shards that a domain was allowed: more than `maxPerDomain` where the pool is too narrow. */
  readonly perDomain: number
  readonly block: number
}

/** Fill levels of the providers, and the ledger's word on moving shards, which `RebalancingNeeded` and `RebalancingDone` tell. */
export interface LedgerSpread {
  /** A round goes on: fullest and emptiest came too far apart, and aren't close again. */
  readonly isRebalancing: boolean
  /** Rounds so far. */
  readonly rounds: number
  /** Half points of a hundred. */
  readonly fullest: number
  readonly emptiest: number
}

export interface LedgerProviderReader {
  /** The registry's address, 20 bytes: with the chain's id it is the domain of reports. */
  readonly reportContract: Uint8Array
  /** Whether the reporter has signed this, for this ledger. */
  isReportSigned(report: CapacityReport, reporter: Uint8Array): Promise<boolean>
  spread(block?: number): Promise<LedgerSpread>
  /** All, at a block (the newest without one). */
  providers(block?: number): Promise<LedgerProviders>
  /**
   * Who could be drawn at blocks from the oldest on, whose states nodes may have forgotten. NotFoundError where the node can't tell any
   * more, UntrustedError where what it tells contradicts itself.
   */
  weightHistory(oldest: number): Promise<(block: number) => WeightedProviders>
  provider(id: Uint8Array, block?: number): Promise<LedgerProvider | undefined>
  /** Throws NotEnoughProvidersError when too few have a weight. */
  pick(draw: LedgerDraw, block?: number): Promise<LedgerPick>
}

export interface LedgerProviderWriter {
  /** ConflictError: the provider is there already; CapacityError: the domain (64) or the pool is full. */
  admitProvider(admission: ProviderAdmission): Promise<Receipt>
  /** It is drawn no more, and can't come back under this id. */
  retireProvider(id: Uint8Array): Promise<Receipt>
  /**
   * At most 64. The ledger leaves out those that aren't newer, and those that move neither weight nor fill by more than 2 %.
   * DeniedError: a signature isn't the reporter's.
   */
  reportCapacity(reports: readonly CapacityReport[]): Promise<Receipt>
  /** At most 64; the ledger leaves out those that move the weight by 2 % or less. */
  assessProviders(assessments: readonly ProviderAssessment[]): Promise<Receipt>
}

export interface ReportSigner {
  addressOf(key: Uint8Array): Uint8Array
  signReport(
    key: Uint8Array,
    report: Pick<CapacityReport, 'id' | 'capacity' | 'used' | 'seq'>,
  ): Promise<Uint8Array>
}
