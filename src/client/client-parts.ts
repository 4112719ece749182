/** What a composition root gives a client. */
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
import type { Discovery } from '../ports/discovery.ts'
import type { Random } from '../ports/random.ts'
import type { Transport } from '../ports/transport.ts'
import type { DataPath } from './data-path.ts'

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
