import { UntrustedError } from '../../core/open/errors.ts'
import { equalBytes } from '../../core/open/bytes.ts'
import { genesisCodec, poolIdOf } from '../../core/open/objects/identity.ts'
import type { KeystoreContents } from '../../core/secret/keystore-contents.ts'
import type { Protection } from '../../core/secret/keystore.ts'
import { openKeystore } from '../../core/secret/keystore.ts'
import type { Client } from '../../client/client.ts'
import { createClient } from '../../client/client.ts'
import { NodeDeviceStore } from '../../adapters/files/node-device-store.ts'
import { nodeLocalFiles } from '../../adapters/files/node-local-files.ts'
import { NodePinStore } from '../../adapters/files/node-pin-store.ts'
import { NodePutJournal } from '../../adapters/files/node-put-journal.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { SqliteReadCache } from '../../adapters/sqlite/sqlite-read-cache.ts'
import { withChain } from './chain-heads.ts'
import type { HomeConfig } from './home-config.ts'
import { HomeFolder } from './home-folder.ts'
import type { AskedLine } from './network/line-settings.ts'
import { lineOfHome } from './network/line-settings.ts'
import { learnNetwork } from './network/learn-network.ts'
import { poolDiscovery } from './network/pool-discovery.ts'
import { openPoolNetwork } from './network/pool-network.ts'
import type { TransportMode } from './network/transport-mode.ts'
import { WorkerDataPath } from './worker-data-path.ts'

export interface OpenClientOptions {
  /** The member's home folder. */
  readonly home: string
  /** Asked for unless the home is unattended. */
  readonly passphrase?: () => Promise<string>
  /** Reads go on though no quorum of witnesses has confirmed the log for a day. */
  readonly acceptStale?: boolean
  /** A node of the pool's chain; by default the one that the home knows. */
  readonly chainUrl?: string | undefined
  /** Which ways to connect; by default as the home says. */
  readonly transport?: TransportMode | undefined
  /** What the client may move; as the home remembers where nothing is asked for. */
  readonly line?: AskedLine | undefined
  /** How long to wait for a tracker that is away, ms; default 20 s. */
  readonly trackerWaitMs?: number | undefined
}

/**
 * A client for the member whose home this is; close it when done.
 *
 * @example
 * const client = await openClient({ home: '/home/alice/.allmend' })
 *
 * @throws NotFoundError when there is no home, DeniedError for a wrong passphrase, UntrustedError for a changed home.
 */
export async function openClient(options: OpenClientOptions): Promise<Client> {
  const home = await HomeFolder.open(options.home)
  const config = await home.config()
  const contents = await openKeystore(
    nodePrimitives,
    await home.keystore(),
    await protectionOf(home, options),
  )
  return clientOf(home, config, contents, options)
}

/** The client of an opened home. */
export async function clientOf(
  home: HomeFolder,
  config: HomeConfig,
  contents: KeystoreContents,
  {
    acceptStale = false,
    chainUrl = config.chainUrl,
    transport: mode = config.transport ?? 'auto',
    trackerWaitMs,
    line,
  }: Pick<OpenClientOptions, 'acceptStale' | 'chainUrl' | 'transport' | 'trackerWaitMs' | 'line'> = {},
): Promise<Client> {
  if (!equalBytes(poolIdOf(nodePrimitives, config.genesis), contents.pool))
    throw new UntrustedError(`${home.path}/config.json names another pool than the keystore: it was changed`)
  const { logKey } = genesisCodec.decode(config.genesis)
  const network = await openPoolNetwork({
    seed: contents.device.netSeed,
    mode,
    file: home.network,
    pool: contents.pool,
    tracker: config.tracker.address,
    line: await lineOfHome(home.path, line),
  })
  const client = createClient({
    primitives: nodePrimitives,
    random: nodeRandom,
    clock: nodeClock,
    identity: {
      pool: contents.pool,
      genesis: config.genesis,
      logKey,
      member: contents.member,
      memberName: contents.name,
      device: contents.device,
      enc: new Map(contents.enc.map(({ generation, ...pair }) => [generation, pair])),
    },
    transport: network.transport,
    tracker: config.tracker,
    dataPath: new WorkerDataPath(nodePrimitives),
    files: nodeLocalFiles,
    device: new NodeDeviceStore(home.device),
    journal: new NodePutJournal(home.journal),
    pins: new NodePinStore(home.pins),
    cache: new SqliteReadCache(home.cache),
    discovery: mode === 'tls' ? undefined : poolDiscovery(network),
    withLedger:
      chainUrl === undefined ? undefined : (chain, use) => withChain(chainUrl, contents.pool, chain, use),
    ...(acceptStale ? { acceptStale } : {}),
    trackerWaitMs,
  })
  // Not waited for: commands go on meanwhile, and the relays are needed by few.
  void learnNetwork(client, network)
  return client
}

async function protectionOf(home: HomeFolder, { passphrase }: OpenClientOptions): Promise<Protection> {
  const unlockKey = await home.unlockKey()
  if (unlockKey !== undefined) return { unlockKey }
  return { passphrase: passphrase === undefined ? '' : await passphrase() }
}
