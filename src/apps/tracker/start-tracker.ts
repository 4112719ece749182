/**
 * A tracker's life: (1) its folder is locked, keys are read or made; (2) the database is opened; (3) it listens where it
 * listened last, or where it is told to, and remembers that; (4) it answers until `close`. A kill at any moment leaves a folder
 * that starts again with everything that was answered.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { FolderError, UsageError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import { poolIdOf } from '../../core/open/objects/identity.ts'
import { formatPeerAddress, keyOfAddress, parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import type { NetworkSelf } from '../../core/open/protocol/network-methods.ts'
import { TOKEN_FOUNDING, encodeJoinToken } from '../../core/open/peers/join-token.ts'
import type { Logger } from '../../ports/logger.ts'
import { router } from '../../ports/rpc.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'
import { formatAddress, parseAddress } from '../../adapters/wire/address.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { openSqliteTrackerStore } from '../../adapters/sqlite/sqlite-tracker-store.ts'
import type { AskedLine } from '../node/network/line-settings.ts'
import { lineOfRole } from '../node/network/line-settings.ts'
import { networkSelf } from '../node/network/network-self.ts'
import { ANYWHERE, listenPlace } from '../node/network/listen-place.ts'
import { outsideHost } from '../node/network/own-host.ts'
import { NodeRelay } from '../node/network/node-relay.ts'
import { poolDiscovery } from '../node/network/pool-discovery.ts'
import type { PoolNetwork } from '../node/network/pool-network.ts'
import { openPoolNetwork } from '../node/network/pool-network.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import type { AnnouncingParts } from '../../provider/keep-announcing.ts'
import { keepAnnouncing } from '../../provider/keep-announcing.ts'
import { createTracker } from '../../tracker/create-tracker.ts'
import type { LedgerAccess } from '../../tracker/ledger/tracker-ledger.ts'
import type { AnchoringIntervals, LedgerFactory } from './attach-ledger.ts'
import { attachLedger } from './attach-ledger.ts'
import { readLedgerRecord } from './ledger-record.ts'
import type { TrackerPlace } from './tracker-place.ts'
import { openTrackerFolder } from './tracker-folder.ts'

const WITHOUT_CHAIN = 'the tracker was started without its chain'
/** Bootstrap nodes in the tracker's address: two may be down. */
const MAX_NAMED = 3

export interface StartTrackerOptions {
  /** The tracker's folder, made when it isn't there. */
  readonly folder: string
  /** host:port; by default where it listened last, or any free port of all addresses. */
  readonly listen?: string
  /** The life of uncommitted stripes, ms; default 24 h. */
  readonly leaseMs?: number
  /** Opens what the log is anchored in; tried again until it succeeds, and never waited for. */
  readonly ledger?: LedgerFactory
  readonly anchoring?: AnchoringIntervals
  /** Which ways it takes connections. */
  readonly transport?: TransportMode
  /** What it may move over the line; options are remembered. */
  readonly line?: AskedLine
  /** `host:port` of bootstrap nodes for a tracker that others can't reach by themselves; remembered. */
  readonly bootstrap?: readonly string[]
  /** Addresses of nodes that stand alone and belong to the pool, as `relay start` shows them; remembered. */
  readonly nodes?: readonly string[]
  /** Hears why nothing is anchored: the ledger can't be opened, or isn't there at all in a pool that had one; `undefined` when that is over. */
  readonly onLedgerProblem?: (problem: string | undefined) => void
  readonly logger: Logger
}

export interface RunningTracker {
  /** The address under which others on this network find it. */
  readonly address: string
  /** H("peer", net key). */
  readonly peerId: Uint8Array
  /** The pool that was founded before the start. */
  readonly poolId?: Uint8Array
  /** Lets its holder found the pool; only before it is founded. */
  readonly foundingToken?: string
  /** Stops answering and frees the folder. */
  close(): Promise<void>
}

/**
 * Starts a tracker in this process. Throws FolderError when the folder is in use or not a tracker's, UnreachableError when it
 * can't listen there: others know it by its address, so it takes no other port by itself.
 */
export async function startTracker(options: StartTrackerOptions): Promise<RunningTracker> {
  const { logger } = options
  const undo: (() => void | Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    const folder = await openTrackerFolder(options.folder, nodeRandom)
    undo.push(() => folder.release())
    const store = openSqliteTrackerStore(folder.database)
    undo.push(() => store.close())
    const genesis = store.read(({ log }) => log.entry(0)?.body)
    // A kill may have come between the founding and the removal of its secret.
    if (genesis !== undefined && folder.foundingSecret !== undefined) await folder.forgetFoundingSecret()
    const foundingSecret = genesis === undefined ? folder.foundingSecret : undefined
    if (genesis === undefined && foundingSecret === undefined)
      throw new FolderError(
        'this folder has neither a pool nor the secret to found one: is tracker.db missing?',
        {
          folder: options.folder,
        },
      )
    const pool = Promise.withResolvers<Uint8Array>()
    if (genesis !== undefined) pool.resolve(poolIdOf(nodePrimitives, genesis))
    const failed = (error: unknown) => logger.error({ why: stackOf(error) }, 'a fault of this tracker')
    let ledger: LedgerAccess | undefined
    const place = placeOf(folder.place, options)
    const ownKey = nodePrimitives.ed25519Public(folder.netSeed)
    const at = await listenPlace(options.listen ?? place.address ?? ANYWHERE)
    // The tracker that knows them isn't there yet.
    let relaysOf = (): readonly Uint8Array[] => []
    const network = await openPoolNetwork({
      seed: folder.netSeed,
      mode: options.transport ?? 'auto',
      file: folder.network,
      listen: udpPlace(options.listen, at.udp, place.udpPort),
      lastPort: place.udpPort,
      bootstrap: place.bootstrap,
      admits: (key) => equalBytes(key, ownKey) || isKnown(store, place, key),
      relays: () => relaysOf(),
      // The first node of its network, unless others are.
      ...(place.bootstrap.length > 0 ? {} : { bootstrapHost: at.outside }),
      onFault: failed,
      line: await lineOfRole(options.folder, options.line),
    })
    undo.push(() => network.transport.close())
    const relay = new NodeRelay(network, { admit: (key) => isKnown(store, place, key) })
    let self = (): NetworkSelf | undefined => undefined
    const tracker = createTracker({
      primitives: nodePrimitives,
      clock: nodeClock,
      random: nodeRandom,
      store,
      logger,
      logSeed: folder.logSeed,
      onFounded(founded) {
        pool.resolve(founded)
        void folder.forgetFoundingSecret().catch(failed)
      },
      evidence: await folder.evidence(),
      onEvidence: (proof) => void folder.saveEvidence(proof).catch(failed),
      ledger: () => ledger,
      network: { key: network.transport.publicKey, self: () => self(), nodes: place.nodes },
      ...(foundingSecret === undefined ? {} : { foundingSecret }),
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    })
    const { log, names, capacity, network: directory } = tracker.state
    relaysOf = () => directory.relays()
    const abort = new AbortController()
    const sealing = tracker.run(abort.signal)
    undo.push(async () => {
      abort.abort()
      await sealing
    })
    if (options.ledger !== undefined) {
      const attached = attachLedger({
        open: options.ledger,
        pool: pool.promise,
        log,
        names,
        capacity: capacity.relay,
        onProblem: options.onLedgerProblem,
        logger,
        clock: nodeClock,
        ...options.anchoring,
      })
      ledger = attached.access
      undo.push(() => attached.close())
    } else if ((await readLedgerRecord(options.folder)) !== undefined) {
      ledger = { ledger: undefined, problem: WITHOUT_CHAIN }
      options.onLedgerProblem?.(WITHOUT_CHAIN)
    }
    const listener = await network.transport.listen({
      address: at.tcp,
      handler: router(tracker.routes),
      maxBodyBytes: tracker.maxBodyBytes,
    })
    undo.push(() => listener.close())
    if (network.transport.udpProblem !== undefined)
      logger.warn(
        { why: network.transport.udpProblem.message },
        'this tracker takes connections over TLS alone',
      )
    const udpPort = network.node()?.bound.port
    const { publicKey } = network.transport
    void pool.promise.then((founded) =>
      network.lan.tell(founded, { key: publicKey, address: listener.address, udp: udpPort }),
    )
    await folder.savePlace({
      ...place,
      address: boundAddress(listener.address, at.tcp, udpPort),
      ...(udpPort === undefined ? {} : { udpPort }),
    })
    const addressNow = () => publicAddress(listener.address, place.bootstrap)
    const address = addressNow()
    self = () => networkSelf(network, addressNow(), relay)
    // Nobody waits for it: the nodes that would know of it first may all be gone.
    relay.startIfReachable().catch(failed)
    undo.push(() => relay.close())
    let announcing: Promise<void> | undefined
    void pool.promise.then((founded) => {
      if (network.node() !== undefined && !abort.signal.aborted)
        announcing = keepAnnouncing(announcingOf(network, founded, logger), abort.signal)
    })
    undo.push(async () => {
      abort.abort()
      await announcing
    })
    const id = peerId(nodePrimitives, network.transport.publicKey)
    let closing: Promise<void> | undefined
    return {
      address,
      peerId: id,
      ...(genesis === undefined ? {} : { poolId: poolIdOf(nodePrimitives, genesis) }),
      ...(foundingSecret === undefined
        ? {}
        : {
            foundingToken: encodeJoinToken({
              kind: TOKEN_FOUNDING,
              address,
              peerId: id,
              secret: foundingSecret,
            }),
          }),
      close: () => (closing ??= stop()),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** It tells of itself as of one of the pool's nodes: so whoever knows another one finds it. It holds no stripes. */
function announcingOf(network: PoolNetwork, pool: Uint8Array, logger: Logger): AnnouncingParts {
  return {
    primitives: nodePrimitives,
    clock: nodeClock,
    random: nodeRandom,
    discovery: poolDiscovery(network),
    pool,
    stripes: () => [],
    providers: () => 0,
    onFailure: ({ code, message }) => logger.debug({ code, why: message }, 'not announced'),
  }
}

/** What to tell others: for "every interface" a host of this machine, and who knows the way over UDP. */
function publicAddress(bound: string, bootstrap: readonly string[]): string {
  const { tls, udp } = parsePeerAddress(bound.replaceAll(/(?:0\.0\.0\.0|\[::\]):/g, `${outsideHost()}:`))
  const hints = bootstrap.slice(0, MAX_NAMED).join(',')
  const over = udp === undefined || hints === '' ? udp : `${udp.split('@', 1)[0]}@${hints}`
  return formatPeerAddress({
    ...(tls === undefined ? {} : { tls }),
    ...(over === undefined ? {} : { udp: over }),
  })
}

/** What was bound, for the next start. */
function boundAddress(listener: string, asked: string, udpPort: number | undefined): string {
  const { tls } = parsePeerAddress(listener)
  return tls ?? formatAddress(parseAddress(asked).host, udpPort ?? 0)
}

/** What is remembered, with what this start names. */
function placeOf(known: TrackerPlace, { bootstrap, nodes }: StartTrackerOptions): TrackerPlace {
  const keys = nodes?.map((address) => {
    const key = keyOfAddress(parsePeerAddress(address))
    if (key === undefined) throw new UsageError("a node's address has its key in it", { address })
    return key
  })
  return {
    ...known,
    ...(bootstrap === undefined ? {} : { bootstrap }),
    ...(keys === undefined ? {} : { nodes: keys }),
  }
}

/** Whether a key belongs to the pool: a device's, a provider's, or that of a node that was named. */
function isKnown(store: TrackerStore, place: TrackerPlace, key: Uint8Array): boolean {
  if (place.nodes.some((node) => equalBytes(node, key))) return true
  return store.read(
    ({ members, providers }) =>
      members.deviceByNet(key) !== undefined || providers.provider(peerId(nodePrimitives, key)) !== undefined,
  )
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Where it had its UDP port last, which is another one than that of TCP where somebody had the same number; unless it is told where. */
function udpPlace(asked: string | undefined, udp: string, lastPort: number | undefined): string {
  return asked !== undefined || lastPort === undefined ? udp : formatAddress(parseAddress(udp).host, lastPort)
}
