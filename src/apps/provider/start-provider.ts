/**
 * A provider's life: (1) its folder is locked, keys and settings are read; (2) the store is opened, the port bound;
 * (3) the first time only, it joins with a token, and fails when it can't; (4) it serves and reports until `close`; the
 * tracker may come and go. A kill at any moment leaves a folder that starts again.
 */
import { hostname } from 'node:os'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { BusyError, UntrustedError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import { router } from '../../ports/rpc.ts'
import type { RequestHandler } from '../../ports/transport.ts'
import { createProvider } from '../../provider/create-provider.ts'
import { keepAnnouncing } from '../../provider/keep-announcing.ts'
import { openDiskShardStore } from '../../adapters/disk/disk-shard-store.ts'
import { addressOfKey, createReportSigner } from '../../adapters/evm/report-signer.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { tokenToJoin } from '../node/network/find-tracker.ts'
import { NetworkExchange } from '../node/network/network-exchange.ts'
import { ANYWHERE, listenPlace } from '../node/network/listen-place.ts'
import type { AskedLine } from '../node/network/line-settings.ts'
import { lineOfRole } from '../node/network/line-settings.ts'
import { NodeRelay } from '../node/network/node-relay.ts'
import { poolDiscovery } from '../node/network/pool-discovery.ts'
import { openPoolNetwork } from '../node/network/pool-network.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import { enterPool } from './enter-pool.ts'
import { lastPlace, listenAt } from './listen-at.ts'
import { openCopyPlace } from './open-copy-place.ts'
import { openShardSpaces } from './open-shard-spaces.ts'
import { openWitness } from './open-witness.ts'
import { openProviderFolder } from './provider-folder.ts'
import type { ProviderSettings } from './provider-settings.ts'
import { settingsToStart } from './settings-to-start.ts'

/** Bodies in memory, in and out: with the rest of the process they stay under 150 MB. So do connections, of 70 KB each. */
const TRANSPORT_LIMITS = {
  requestBytes: 16 * 1024 * 1024,
  answerBytes: 16 * 1024 * 1024,
  connections: 512,
}

export interface StartProviderOptions {
  /** The provider's folder, made when it isn't there. */
  readonly store: string
  /** A provider invite's token; needed until the provider has joined. */
  readonly join?: string
  /** `host:port` of nodes of the pool, for a token that doesn't lead to the tracker by itself. */
  readonly bootstrap?: readonly string[]
  /** Bytes to lend; needed at the first start, remembered afterwards. */
  readonly capacity?: number
  /** host:port; by default where it listened last, or any free port of all addresses. */
  readonly listen?: string
  /** Up to 64 bytes; by default the machine's name. */
  readonly name?: string
  /** Offline tickets count after so long without the tracker, ms; by default ten minutes. */
  readonly offlineAfterMs?: number
  /** The machine's own by default; for what the provider itself measures, not for its network. */
  readonly clock?: Clock
  /** Which ways it takes connections, and makes them. */
  readonly transport?: TransportMode
  /** What it may move over the line; options are remembered. */
  readonly line?: AskedLine
  /** Hears when a large part of the log begins to be replayed, and when that is over. */
  readonly onReplay?: (isReplaying: boolean) => void
  readonly logger: Logger
}

export interface RunningProvider {
  readonly id: Uint8Array
  readonly pool: Uint8Array
  /** The bound host:port. */
  readonly address: string
  readonly capacity: number
  /** Resolves when the tracker has answered a report: the provider counts as up. Never rejects. */
  readonly reported: Promise<void>
  /** Stops serving and reporting, finishes what is being written, and frees the folder. */
  close(): Promise<void>
}

/**
 * Starts a provider in this process. Throws FolderError, UsageError (no token, a token for something else, no capacity),
 * UnreachableError (the port; before the first join the tracker), UntrustedError, and what the tracker refuses with.
 */
export async function startProvider(options: StartProviderOptions): Promise<RunningProvider> {
  const { logger } = options
  const undo: (() => void | Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    const folder = await openProviderFolder(options.store, nodeRandom)
    undo.push(() => folder.release())
    const wanted = settingsToStart(nodePrimitives, folder.settings(), {
      join: await joinBy(options, folder.settings()),
      capacity: options.capacity,
      name: options.name ?? (folder.settings() === undefined ? hostname().slice(0, 64) : undefined),
    })
    const store = await openDiskShardStore({
      folder: folder.shards,
      capacity: wanted.settings.capacity,
      primitives: nodePrimitives,
    })
    undo.push(() => store.close())
    const copyPlace = await openCopyPlace(folder.copies, nodePrimitives)
    const spaces = openShardSpaces(folder.spaces, logger)
    undo.push(() => spaces.close())
    const asked = options.listen === undefined ? undefined : await listenPlace(options.listen)
    const last = folder.settings()?.address
    const network = await openPoolNetwork({
      seed: folder.netSeed,
      mode: options.transport ?? 'auto',
      file: folder.network,
      pool: wanted.settings.pool,
      tracker: wanted.settings.tracker.address,
      listen: (asked ?? (await listenPlace(lastPlace(last) ?? ANYWHERE))).udp,
      lastPort: folder.settings()?.udpPort,
      limits: TRANSPORT_LIMITS,
      line: await lineOfRole(options.store, options.line),
      onFault: (error) =>
        logger.error({ why: stackOf(error) }, 'a request failed for a fault of this provider'),
    })
    undo.push(() => network.transport.close())
    const { transport } = network
    let serve: RequestHandler = () => Promise.reject(new BusyError('this provider is still joining its pool'))
    let maxBodyBytes = (_method: number): number => 0
    const listener = await listenAt(transport, asked?.tcp, last, {
      handler: (request) => serve(request),
      maxBodyBytes: (method) => maxBodyBytes(method),
      // No route keeps a view of its request's body.
      freeBodies: true,
    })
    undo.push(() => listener.close())
    if (transport.udpProblem !== undefined)
      logger.warn({ why: transport.udpProblem.message }, 'this provider takes connections over TLS alone')
    const udpPort = network.node()?.bound.port
    network.lan.tell(wanted.settings.pool, {
      key: transport.publicKey,
      address: listener.address,
      udp: udpPort,
    })

    const witness = openWitness(folder.witness, wanted.settings.pool, logger)
    undo.push(() => witness?.close())
    const { settings, access, logKey, joined } = await enterPool(
      nodePrimitives,
      folder,
      transport,
      listener.address,
      {
        ...wanted,
        settings: {
          ...wanted.settings,
          reporter: addressOfKey(folder.reporterKey),
          ...(witness === undefined ? {} : { witness: witness.key }),
          ...(udpPort === undefined ? {} : { udpPort }),
        },
      },
    )
    if (joined)
      logger.info({ pool: toHex(settings.pool), tracker: settings.tracker.address }, 'joined the pool')
    const provider = createProvider({
      primitives: nodePrimitives,
      clock: options.clock ?? nodeClock,
      store,
      spaces,
      copies: { place: copyPlace, dial: (address, peerId, how) => transport.dial(address, peerId, how) },
      offlineAfterMs: options.offlineAfterMs,
      logger,
      netKey: transport.publicKey,
      pool: settings.pool,
      logKey,
      ...(options.onReplay === undefined ? {} : { onReplay: options.onReplay }),
      signReport: (domain, body) => createReportSigner(domain).signReport(folder.reporterKey, body),
    })
    maxBodyBytes = provider.maxBodyBytes
    serve = router(provider.routes)

    const reported = Promise.withResolvers<void>()
    const abort = new AbortController()
    const running = provider.run(
      {
        trackerAddress: settings.tracker.address,
        dial: (signal) => access.dial(signal),
        async announce(connection) {
          if (!equalBytes(await access.announce(connection), logKey))
            throw new UntrustedError("the tracker shows another log key than the pool's")
        },
        pid: process.pid,
        onFirstReport: reported.resolve,
        // A tracker that was started again has forgotten how its nodes are reached.
        onReturn() {
          if (network.node() !== undefined) exchange.soon()
        },
      },
      abort.signal,
      witness?.witness,
    )
    const relay: NodeRelay = new NodeRelay(network, {
      admit: (key) => network.book.admits(key),
      askAgain: () => exchange.again(),
      host: settings.tracker.peerId,
    })
    const exchange = new NetworkExchange(
      {
        network,
        relay,
        address: () => listener.address,
        dial: (signal) => access.dial(signal),
        clock: nodeClock,
        logger,
      },
      abort.signal,
    )
    const networking = network.node() !== undefined && reported.promise.then(() => exchange.keep())
    const announcing =
      network.node() !== undefined &&
      keepAnnouncing(
        {
          primitives: nodePrimitives,
          clock: nodeClock,
          random: nodeRandom,
          discovery: poolDiscovery(network),
          pool: settings.pool,
          stripes: () => spaces.stripes(),
          providers: () => network.book.providers,
          onFailure: ({ code, message }) => logger.debug({ code, why: message }, 'not announced'),
        },
        abort.signal,
      )
    undo.push(async () => {
      abort.abort()
      await running
      await announcing
      reported.resolve()
      await networking
      await relay.close()
    })
    let closing: Promise<void> | undefined
    return {
      id: provider.state.id,
      pool: settings.pool,
      address: listener.address,
      capacity: settings.capacity,
      reported: reported.promise,
      close: () => (closing ??= stop()),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The token; before it has joined, one that leads to the tracker. */
async function joinBy(
  { join, bootstrap = [], transport = 'auto' }: StartProviderOptions,
  saved: ProviderSettings | undefined,
): Promise<string | undefined> {
  if (join === undefined || saved?.logKey !== undefined) return join
  return tokenToJoin(join, { nodes: bootstrap, mode: transport })
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
