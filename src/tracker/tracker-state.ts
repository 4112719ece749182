/** What every operation of the tracker works on; wired once by `createTracker`. */
import { poolIdOf } from '../core/open/objects/identity.ts'
import { NotFoundError } from '../core/open/errors.ts'
import type { Primitives } from '../core/open/primitives.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { TrackerReader, TrackerStore } from '../ports/tracker-store.ts'
import type { ForkProofs } from './log/fork-proofs.ts'
import type { LedgerAccess } from './ledger/tracker-ledger.ts'
import type { NameRelay } from './ledger/name-relay.ts'
import type { TrackerLog } from './log/tracker-log.ts'
import type { CapacityState } from './capacity/capacity-state.ts'
import type { CopyDirectory } from './copies/copy-directory.ts'
import type { AskedBlobs } from './stripes/asked-blobs.ts'
import type { ChangeTrees } from './spaces/change-trees.ts'
import type { NetworkDirectory } from './network/network-directory.ts'
import type { Presence } from './providers/presence.ts'
import type { TrackerEvents } from './tracker-events.ts'

/** How long an uncommitted stripe keeps its shards, ms. */
export const DEFAULT_LEASE_MS = 24 * 3_600_000

export interface TrackerState {
  readonly primitives: Primitives
  readonly clock: Clock
  readonly random: Random
  /** What is appended to its log becomes an entry of `log`. */
  readonly store: TrackerStore
  readonly log: TrackerLog
  /** Undefined where this pool has none. */
  readonly ledgerAccess: () => LedgerAccess | undefined
  readonly names: NameRelay
  readonly capacity: CapacityState
  readonly presence: Presence
  readonly copies: CopyDirectory
  readonly network: NetworkDirectory
  readonly asked: AskedBlobs
  readonly trees: ChangeTrees
  /** Ed25519 seed and public key that sign tickets, promises and the log's heads. */
  readonly logSeed: Uint8Array
  readonly logKey: Uint8Array
  /** Lets its holder found the pool; undefined when there is none to give. */
  readonly foundingSecret: Uint8Array | undefined
  readonly leaseMs: number
  /** See `leaseExpiry`. */
  readonly expireLeases: () => void
  readonly events: TrackerEvents
  /** Called once the pool's founding is durable. */
  readonly onFounded: (pool: Uint8Array) => void
  readonly forkProofs: ForkProofs
}

/** The genesis and its hash, the pool id; throws NotFoundError before the pool is founded. */
export function poolOf(
  state: TrackerState,
  tables: TrackerReader,
): { readonly genesis: Uint8Array; readonly pool: Uint8Array } {
  const genesis = tables.log.entry(0)?.body
  if (genesis === undefined) throw new NotFoundError('this pool has not been founded yet')
  return { genesis, pool: poolIdOf(state.primitives, genesis) }
}

/** Unix seconds. */
export function nowSeconds(state: TrackerState): number {
  return Math.floor(state.clock.now() / 1_000)
}
