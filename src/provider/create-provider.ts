import { ByteBudget } from '../core/open/byte-budget.ts'
import { peerId } from '../core/open/hash.ts'
import type { Primitives } from '../core/open/primitives.ts'
import { putShard } from '../core/open/protocol/provider-methods.ts'
import { MAX_SHARD_BYTES } from '../core/open/stripes/stripe.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Route } from '../ports/rpc.ts'
import type { ShardSpaces } from '../ports/shard-spaces.ts'
import type { ShardStore } from '../ports/shard-store.ts'
import { Activity } from './activity.ts'
import { keepCompacting } from './shards/compact.ts'
import type { CopyPlace } from './copies/copy-place.ts'
import type { FetchParts } from './copies/fetch-copy.ts'
import { HotShards } from './copies/hot-shards.ts'
import { ShardCopies } from './copies/shard-copies.ts'
import { createDamageList } from './shards/damage-list.ts'
import { createFreeGuard } from './shards/free-guard.ts'
import type { ReportingOptions } from './reports/keep-reporting.ts'
import { keepReporting } from './reports/keep-reporting.ts'
import { OfflineReads } from './tickets/offline-reads.ts'
import { presentOfflineTicketRoute } from './tickets/present-offline-ticket.ts'
import { presentTicketRoute } from './tickets/present-ticket.ts'
import type { LedgerReportsParts } from './reports/ledger-reports.ts'
import { LedgerReports } from './reports/ledger-reports.ts'
import { logProviderEvents } from './provider-events.ts'
import type { ProviderState } from './provider-state.ts'
import { putShardRoute } from './shards/put-shard.ts'
import { readShardRoute } from './shards/read-shard.ts'
import { keepScrubbing } from './shards/scrub.ts'
import { statShardsRoute } from './shards/stat-shards.ts'
import { createTicketBook } from './tickets/ticket-book.ts'
import { INTAKE_BYTES } from './shards/with-intake.ts'
import { keepWitnessing } from './witness/keep-witnessing.ts'
import type { Witness } from './witness/witness.ts'

/** The largest structure that a provider is sent: a ticket for 4,096 shards (about 200 KB). */
const MAX_STRUCTURE_BODY_BYTES = 256 * 1024

export interface ProviderOptions {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly store: ShardStore
  readonly spaces: ShardSpaces
  /** Offline tickets count after so long without the tracker, ms; by default OFFLINE_AFTER_MS. */
  readonly offlineAfterMs?: number | undefined
  readonly logger: Logger
  /** Raw Ed25519 net key. */
  readonly netKey: Uint8Array
  readonly pool: Uint8Array
  /** From the pool's genesis. */
  readonly logKey: Uint8Array
  /** Signs capacity reports for the pool's ledger. */
  readonly signReport?: LedgerReportsParts['sign']
  /** Where it keeps copies of what is read a lot elsewhere, and how it reaches others for them; without, it keeps none. */
  readonly copies?: { readonly place: CopyPlace; readonly dial: FetchParts['dial'] }
  /** Hears when a large part of the log begins to be replayed, and when that is over: no other work leaves so much garbage. */
  readonly onReplay?: (isReplaying: boolean) => void
}

export interface Provider {
  readonly state: ProviderState
  /** What a provider answers; see provider-methods.ts. */
  readonly routes: readonly Route[]
  /** The largest body that a listener should take for a method, bytes. */
  readonly maxBodyBytes: (method: number) => number
  /** Reports, scrubs, compacts and, with a witness, cosigns until `signal` aborts; never throws. */
  run(options: ReportingOptions, signal: AbortSignal, witness?: Witness): Promise<void>
}

/** A provider over a store: routes to serve, and the loops that keep it alive in its pool. */
export function createProvider(options: ProviderOptions): Provider {
  const { primitives, clock, store, spaces, logger, netKey, pool, logKey, signReport, onReplay } = options
  const id = peerId(primitives, netKey)
  const events = logProviderEvents(logger, id)
  const intake = new ByteBudget(INTAKE_BYTES)
  let cosigning: Witness | undefined
  const state: ProviderState = {
    primitives,
    clock,
    store,
    events,
    id,
    pool,
    logKey,
    tickets: createTicketBook(),
    offline: new OfflineReads({ clock, spaces, afterMs: options.offlineAfterMs }),
    damage: createDamageList(),
    guard: createFreeGuard(),
    hot: new HotShards(clock),
    copies:
      options.copies &&
      new ShardCopies({
        ...options.copies,
        primitives,
        clock,
        pool,
        logKey,
        netKey,
        intake,
        events,
        usage: () => store.usage(),
      }),
    ledger: signReport === undefined ? undefined : new LedgerReports({ id, clock, sign: signReport }),
    freed: new Map(),
    newestHead: () => cosigning?.head,
    intake,
  }
  const activity = new Activity(clock)
  return {
    state,
    routes: [
      presentTicketRoute,
      putShardRoute,
      readShardRoute,
      statShardsRoute,
      presentOfflineTicketRoute,
    ].map((make) => activity.watch(make(state))),
    maxBodyBytes: (method) => (method === putShard.id ? MAX_SHARD_BYTES : MAX_STRUCTURE_BODY_BYTES),
    async run(reporting, signal, witness) {
      cosigning = witness
      const known = Promise.withResolvers<void>()
      let back = Promise.withResolvers<void>()
      const told: Pick<ReportingOptions, 'onFirstReport' | 'onReturn'> = {
        onFirstReport() {
          known.resolve()
          reporting.onFirstReport?.()
        },
        onReturn() {
          back.resolve()
          back = Promise.withResolvers()
          reporting.onReturn?.()
        },
      }
      const { dial } = reporting
      const witnessing = { known: known.promise, returned: () => back.promise, dial, activity, onReplay }
      await Promise.all([
        keepReporting(state, { ...reporting, ...told }, signal),
        keepScrubbing(state, signal),
        keepCompacting(state, signal),
        witness && keepWitnessing(state, { witness, ...witnessing }, signal),
      ])
      await state.copies?.idle()
      await state.copies?.clear()
    },
  }
}
