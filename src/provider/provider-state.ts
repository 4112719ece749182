import type { ByteBudget } from '../core/open/byte-budget.ts'
import type { Head } from '../core/open/objects/operation.ts'
import type { Primitives } from '../core/open/primitives.ts'
import type { Clock } from '../ports/clock.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import type { HotShards } from './copies/hot-shards.ts'
import type { ShardCopies } from './copies/shard-copies.ts'
import type { DamageList } from './shards/damage-list.ts'
import type { FreeGuard } from './shards/free-guard.ts'
import type { LedgerReports } from './reports/ledger-reports.ts'
import type { OfflineReads } from './tickets/offline-reads.ts'
import type { ProviderEvents } from './provider-events.ts'
import type { TicketBook } from './tickets/ticket-book.ts'

/** What a provider's operations share. */
export interface ProviderState {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly store: ShardStore
  readonly events: ProviderEvents
  /** H("peer", net key). */
  readonly id: Uint8Array
  readonly pool: Uint8Array
  /** The genesis's log key, which signs tickets. */
  readonly logKey: Uint8Array
  readonly tickets: TicketBook
  readonly offline: OfflineReads
  readonly damage: DamageList
  readonly guard: FreeGuard
  /** Which of its shards are read a lot. */
  readonly hot: HotShards
  /** Of others' shards; absent where this provider keeps none. */
  readonly copies: ShardCopies | undefined
  /** Absent where this provider doesn't report to a ledger. */
  readonly ledger: LedgerReports | undefined
  /** Shards that were freed and whose confirmation the tracker has not acknowledged. */
  readonly freed: Map<string, Uint8Array>
  /** The newest head of the log that this provider has cosigned; undefined where it doesn't witness. */
  readonly newestHead: () => Head | undefined
  /** Bytes of shards that are being verified and stored. */
  readonly intake: ByteBudget
}
