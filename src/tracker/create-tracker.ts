/** Wires the tracker: its operations over a store, as routes for a transport. */
import { MAX_STRUCTURE_BYTES } from '../core/open/protocol/method.ts'
import type { Method } from '../core/open/protocol/method.ts'
import * as logMethods from '../core/open/protocol/log-methods.ts'
import * as networkMethods from '../core/open/protocol/network-methods.ts'
import * as methods from '../core/open/protocol/tracker-methods.ts'
import type { Logger } from '../ports/logger.ts'
import type { Context, Route } from '../ports/rpc.ts'
import { route } from '../ports/rpc.ts'
import { AskedBlobs } from './stripes/asked-blobs.ts'
import { admitMember } from './members/admit-member.ts'
import { createCapacityState } from './capacity/capacity-state.ts'
import { ChangeTrees } from './spaces/change-trees.ts'
import { commitOperation } from './spaces/commit-operation.ts'
import { CopyDirectory } from './copies/copy-directory.ts'
import { describePool } from './describe-pool.ts'
import { deviceState } from './members/device-state.ts'
import { enrolDevice } from './members/enrol-device.ts'
import { leaseExpiry } from './stripes/expire-leases.ts'
import { claimName } from './ledger/claim-name.ts'
import { cosignCheckpoint, nextCheckpoint } from './log/cosign-checkpoint.ts'
import { bindLedger } from './ledger/bind-ledger.ts'
import { ForkProofs } from './log/fork-proofs.ts'
import { serveForkProofs } from './log/serve-fork-proofs.ts'
import { voteOnWitness } from './log/vote-on-witness.ts'
import { anchoredHeads, ledgerStatus } from './ledger/ledger-status.ts'
import { listWitnesses } from './log/list-witnesses.ts'
import { logEntries } from './log/log-entries.ts'
import { logHead } from './log/log-head.ts'
import { logConsistency, logInclusion } from './log/log-proofs.ts'
import { mapProof } from './log/map-proof.ts'
import { NameRelay } from './ledger/name-relay.ts'
import { reportFork } from './log/report-fork.ts'
import { keepSealing } from './log/seal-loop.ts'
import type { LedgerAccess } from './ledger/tracker-ledger.ts'
import { TrackerLog } from './log/tracker-log.ts'
import { exchangeNetwork } from './network/exchange-network.ts'
import { foundPool } from './members/found-pool.ts'
import { getNodes } from './spaces/get-nodes.ts'
import { hasBlobs } from './stripes/has-blobs.ts'
import { inviteProvider } from './providers/invite-provider.ts'
import { listChildren } from './spaces/list-children.ts'
import { listProviders } from './providers/list-providers.ts'
import { listSpaces } from './spaces/list-spaces.ts'
import { listStripes } from './stripes/list-stripes.ts'
import { locateBlobs } from './stripes/locate-blobs.ts'
import { offlineTickets } from './stripes/offline-tickets.ts'
import { pendingMembers } from './members/pending-members.ts'
import { placeStripe } from './stripes/place-stripe.ts'
import { poolStatus } from './pool-status.ts'
import { NetworkDirectory } from './network/network-directory.ts'
import type { TrackerNetwork } from './network/network-directory.ts'
import { Presence } from './providers/presence.ts'
import { putLists } from './spaces/put-lists.ts'
import { registerMember } from './members/register-member.ts'
import { registerProvider } from './providers/register-provider.ts'
import { replaceShard } from './stripes/replace-shard.ts'
import { reportDamage } from './stripes/report-damage.ts'
import { reportProvider } from './providers/report-provider.ts'
import { resolveMember } from './members/resolve-member.ts'
import { stripeDraws } from './stripes/stripe-draws.ts'
import { sealStripe } from './stripes/seal-stripe.ts'
import type { TrackerState } from './tracker-state.ts'
import { logTrackerEvents } from './tracker-events.ts'
import { DEFAULT_LEASE_MS } from './tracker-state.ts'

/** Requests that carry changes, lists or a stripe's blobs. */
const LARGE = new Set([methods.commitOperation.id, methods.putLists.id, methods.sealStripe.id])
/** All others: 4,096 ids and some. */
const MAX_SMALL_BYTES = 256 * 1024

export interface TrackerParts extends Pick<TrackerState, 'primitives' | 'clock' | 'random' | 'store'> {
  /** 32-byte Ed25519 seed of the pool's log key. */
  readonly logSeed: Uint8Array
  /** Lets its holder found the pool, until it is founded. */
  readonly foundingSecret?: Uint8Array
  /** The life of an uncommitted stripe, ms; default 24 h. */
  readonly leaseMs?: number
  readonly logger: Logger
  /** Called once the pool's founding is durable. */
  readonly onFounded?: (pool: Uint8Array) => void
  /** What this pool's log is anchored in. */
  readonly ledger?: () => LedgerAccess | undefined
  /** Fork proofs of earlier starts, the oldest first. */
  readonly evidence?: readonly Uint8Array[]
  /** Keeps a further one, for the next start. */
  readonly onEvidence?: (proof: Uint8Array) => void
  /** How the tracker is reached, and further nodes of the pool. */
  readonly network?: TrackerNetwork
}

export interface Tracker {
  readonly routes: readonly Route[]
  /** The largest body of a request by method, bytes: only what members send may be large. */
  maxBodyBytes(method: number): number
  readonly state: TrackerState
  /** Signs heads of the log in time, until the signal aborts; never throws. */
  run(signal: AbortSignal): Promise<void>
}

/** A tracker over its store; hand its routes to a transport's router. */
export function createTracker(parts: TrackerParts): Tracker {
  const { primitives, clock, random, logSeed } = parts
  const events = logTrackerEvents(parts.logger)
  const log = new TrackerLog({ primitives, clock, store: parts.store, logSeed, events })
  const { store } = log
  const presence = new Presence(clock, events)
  const state: TrackerState = {
    primitives,
    clock,
    random,
    store,
    log,
    ledgerAccess: parts.ledger ?? (() => undefined),
    names: new NameRelay({ store, clock, events }),
    capacity: createCapacityState(primitives, { store, clock, events }),
    presence,
    copies: new CopyDirectory(clock, presence),
    network: new NetworkDirectory(clock, parts.network),
    asked: new AskedBlobs(),
    trees: new ChangeTrees(primitives),
    logSeed,
    logKey: primitives.ed25519Public(logSeed),
    foundingSecret: parts.foundingSecret,
    leaseMs: parts.leaseMs ?? DEFAULT_LEASE_MS,
    expireLeases: leaseExpiry(store, clock),
    events,
    onFounded: parts.onFounded ?? (() => undefined),
    forkProofs: new ForkProofs(parts.evidence ?? [], parts.onEvidence ?? (() => undefined)),
  }
  recallProviders(state)
  return {
    routes: routesOf(state),
    maxBodyBytes: (method) => (LARGE.has(method) ? MAX_STRUCTURE_BYTES : MAX_SMALL_BYTES),
    state,
    run: (signal) => keepSealing(log, clock, events, signal),
  }
}

/** Shows what providers are known to hold until they report. */
function recallProviders(state: TrackerState): void {
  state.store.read(({ providers, stripes }) => {
    const capacities = new Map(providers.providers().map(({ id, capacity }) => [id.join(), capacity]))
    for (const { provider, shards, bytes } of stripes.storedBy())
      state.presence.recall(provider, {
        capacity: capacities.get(provider.join()) ?? 0,
        used: bytes,
        shards,
        pid: undefined,
      })
  })
}

function routesOf(state: TrackerState): Route[] {
  /** Operations run to their end at once: no two of them ever see each other's halves. */
  const bind = <Request, Response>(
    method: Method<Request, Response>,
    operation: (state: TrackerState, request: Request, context: Context) => Response,
  ): Route => route(method, async (request, context) => ({ value: operation(state, request, context) }))

  /** These wait for witnesses or for the chain; what they read afterwards they read at once. */
  const wait = <Request, Response>(
    method: Method<Request, Response>,
    operation: (state: TrackerState, request: Request, context: Context) => Promise<Response>,
  ): Route => route(method, async (request, context) => ({ value: await operation(state, request, context) }))

  return [
    bind(methods.describePool, describePool),
    bind(methods.foundPool, foundPool),
    bind(methods.registerMember, registerMember),
    bind(methods.pendingMembers, pendingMembers),
    bind(methods.admitMember, admitMember),
    bind(methods.enrolDevice, enrolDevice),
    bind(methods.resolveMember, resolveMember),
    bind(methods.deviceState, deviceState),
    bind(methods.inviteProvider, inviteProvider),
    bind(methods.registerProvider, registerProvider),
    bind(methods.reportProvider, reportProvider),
    bind(methods.listProviders, listProviders),
    bind(networkMethods.exchangeNetwork, exchangeNetwork),
    bind(methods.listSpaces, listSpaces),
    bind(methods.getNodes, getNodes),
    bind(methods.listChildren, listChildren),
    bind(methods.commitOperation, commitOperation),
    bind(methods.putLists, putLists),
    bind(methods.hasBlobs, hasBlobs),
    bind(methods.placeStripe, placeStripe),
    bind(methods.replaceShard, replaceShard),
    bind(methods.sealStripe, sealStripe),
    bind(methods.locateBlobs, locateBlobs),
    bind(methods.listStripes, listStripes),
    bind(methods.stripeDraws, stripeDraws),
    bind(methods.offlineTickets, offlineTickets),
    bind(methods.reportDamage, reportDamage),
    bind(methods.poolStatus, poolStatus),
    wait(logMethods.logHead, logHead),
    bind(logMethods.logConsistency, logConsistency),
    bind(logMethods.logEntries, logEntries),
    bind(logMethods.logInclusion, logInclusion),
    wait(logMethods.mapProof, mapProof),
    wait(logMethods.nextCheckpoint, nextCheckpoint),
    bind(logMethods.cosignCheckpoint, cosignCheckpoint),
    bind(logMethods.listWitnesses, listWitnesses),
    wait(logMethods.ledgerStatus, ledgerStatus),
    wait(logMethods.anchoredHeads, anchoredHeads),
    bind(logMethods.reportFork, reportFork),
    bind(logMethods.bindLedger, bindLedger),
    bind(logMethods.claimName, claimName),
    bind(logMethods.voteOnWitness, voteOnWitness),
    bind(logMethods.forkProofs, serveForkProofs),
  ]
}
