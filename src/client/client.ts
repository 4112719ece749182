/** What every operation of the client needs; wired once by a composition root and handed to each operation. */
import type { Primitives } from '../core/open/primitives.ts'
import type { DeviceKeys } from '../core/secret/device-keys.ts'
import type { HpkeKeyPair } from '../core/secret/hpke.ts'
import type { Clock } from '../ports/clock.ts'
import type { DeviceStore } from '../ports/device-store.ts'
import type { WithLedger } from '../ports/ledger.ts'
import type { LocalFiles } from '../ports/local-files.ts'
import type { PinStore } from '../ports/pin-store.ts'
import type { PutJournal } from '../ports/put-journal.ts'
import type { ReadCache } from '../ports/read-cache.ts'
import type { StripeFinder } from '../ports/stripe-finder.ts'
import type { Discovery } from '../ports/discovery.ts'
import type { Random } from '../ports/random.ts'
import type { Transport } from '../ports/transport.ts'
import type { DataPath } from './data-path.ts'
import { AnnouncedStripes } from './discovery/announced-stripes.ts'
import { Reading } from './kept/reading.ts'
import { HeardHeads } from './log/heard-heads.ts'
import { LogClient } from './log/log-client.ts'
import { Providers } from './providers.ts'
import { Tracker } from './tracker.ts'
import { Trees } from './tree/trees.ts'

/** What the keystore holds once it is open: everything but the member's signing key. */
export interface Identity {
  readonly pool: Uint8Array
  /** Its bytes hash to the pool's id. */
  readonly genesis: Uint8Array
  /** Ed25519 key of the pool's log, from its genesis. */
  readonly logKey: Uint8Array
  readonly member: Uint8Array
  readonly memberName: string
  readonly device: DeviceKeys
  /** The member's X25519 pairs by generation. */
  readonly enc: ReadonlyMap<number, HpkeKeyPair>
}

export interface ClientParts {
  readonly primitives: Primitives
  readonly random: Random
  readonly clock: Clock
  readonly identity: Identity
  readonly transport: Transport
  /** The tracker's `host:port` and peer id. */
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  readonly dataPath: DataPath
  readonly files: LocalFiles
  readonly device: DeviceStore
  readonly journal: PutJournal
  readonly pins: PinStore
  /** Asks the pool's chain itself; absent where this device knows no node of it. */
  readonly withLedger?: WithLedger | undefined
  /** Keeps what is read, for times without the tracker; absent where nothing is kept. */
  readonly cache?: ReadCache | undefined
  /** The pool's nodes by topic, for times without the tracker; absent where only known providers can be asked. */
  readonly discovery?: Discovery | undefined
  /** Reads go on though no quorum has confirmed the log for a day. */
  readonly acceptStale?: boolean
  /** How long to wait for a tracker that is away, ms; default 20 s. */
  readonly trackerWaitMs?: number | undefined
}

export interface Client extends Omit<ClientParts, 'tracker'> {
  readonly tracker: Tracker
  /** The log and its map, verified. */
  readonly log: LogClient
  /** What providers say of the log. */
  readonly heard: HeardHeads
  readonly providers: Providers
  /** Finds holders of a stripe without the tracker. */
  readonly finder: StripeFinder
  readonly trees: Trees
  /** What is read, and what is kept of it. */
  readonly reading: Reading
  /** Ends connections and workers; the operations under way fail as unreachable. */
  close(): Promise<void>
}

export function createClient(parts: ClientParts): Client {
  const tracker = new Tracker(parts)
  const log = new LogClient(parts, tracker)
  const heard = new HeardHeads(log)
  const reading = new Reading(parts, parts.cache, tracker, log)
  const providers = new Providers(parts.transport, parts.clock, tracker, (head) => heard.hear(head))
  const client: Client = {
    ...parts,
    tracker,
    log,
    heard,
    providers,
    finder: new AnnouncedStripes({
      primitives: parts.primitives,
      discovery: parts.discovery,
      pool: parts.identity.pool,
      providers: () => providers.ids,
    }),
    reading,
    trees: new Trees(parts, reading),
    async close() {
      await log.versions.save()
      await reading.kept?.places.saveProviders(providers.news())
      await reading.close()
      await tracker.close()
      await heard.idle()
      await providers.close()
      await parts.dataPath.close()
      await parts.transport.close()
    },
  }
  return client
}
