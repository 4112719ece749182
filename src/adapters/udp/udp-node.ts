/**
 * This machine's node of the pool's DHT: the sockets, the key and the routing that transport, relay and discovery share.
 *
 * Invariants:
 * - Never the public DHT: the library's default bootstrap nodes are unreachable from here, since a node names its own or is one.
 * - One UDP port serves all. What the tables of the DHT take from others is bounded.
 */
import HyperDHT from 'hyperdht'
import type {
  ConnectOptions,
  DhtOptions,
  DhtRequest,
  DhtServer,
  KeyPair,
  MakeSecretStream,
  ServerOptions,
} from 'hyperdht'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { UdxStream } from 'udx-native'
import { hash } from 'node:crypto'
import { equalBytes } from '../../core/open/bytes.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import { UsageError } from '../../core/open/errors.ts'
import { tagged } from '../../core/open/hash.ts'
import { systemClock } from '../wire/clock.ts'
import { cannotListen } from '../wire/socket-error.ts'
import { AddressWatch } from './address-watch.ts'
import { AUDIT_MS, auditStreams, GuardedStream } from './guards/record-guard.ts'
import { hearRefusal } from './relay/relay-refusal.ts'
import { RequestGate } from './guards/request-gate.ts'
import { mayStore } from './guards/store-gate.ts'
import { parseHostPort } from './udp-address.ts'
import type { HostPort } from './udp-address.ts'

/** Records, routes and caches that others can fill, entries of each: a few MB, for pools of some hundred nodes. */
const MAX_TABLE_ENTRIES = 8192

export interface UdpNodeOptions {
  /** The 32-byte Ed25519 seed of this node's net key. */
  readonly seed: Uint8Array
  /** IPv4 address to bind; default all. */
  readonly host?: string
  /** Default: the system chooses. */
  readonly port?: number
  /** `host:port` of nodes of the same pool; may be empty only for a bootstrap node. */
  readonly bootstrap: readonly string[]
  /** Makes this node a bootstrap node: the IPv4 address under which all others reach its port. */
  readonly bootstrapHost?: string
  /**
   * Whether others reach this node's port without its help, as with a public address or a forwarded port; such nodes carry
   * the DHT. Default: a bootstrap node is reachable, any other finds out, and counts itself as behind a NAT until then.
   */
  readonly reachable?: boolean
  /** Whether the pool has admitted this raw key; announcements of others aren't stored here. Default: all are. */
  readonly admits?: (key: Uint8Array) => boolean
  /** Raw keys of the pool's relays as known at the moment; at least two keep both-symmetric NATs connected when one is down. */
  readonly relays?: () => readonly Uint8Array[]
}

/** Hears of a relay, by its raw key. */
export type RefusalListener = (relay: Uint8Array, reason: AllmendError) => void

/** What kind of NAT a node is behind, as far as it knows. */
export type NatKind = 'unknown' | 'open' | 'consistent' | 'random'

/** Nobody of ours asks for a delayed answer, for each of which a node keeps a timer: ms. */
const MAX_PING_DELAY_MS = 1

/** Every stream of it is guarded, also those that the library opens to relays by itself; and so is what it answers and stores. */
class GuardedDht extends HyperDHT {
  admits: (key: Uint8Array) => boolean = () => true
  /** Control streams to relays; the library asks for them without options. */
  readonly relayStreams = new Set<NoiseSecretStream>()
  /** A relay, by its key, has said why it passes nothing on. */
  relayRefused: (relay: Uint8Array, reason: AllmendError) => void = () => {}
  readonly #streams = new Set<GuardedStream>()
  #stopAudits: (() => void) | undefined
  #gate: RequestGate | undefined

  override _onrequest(request: DhtRequest, external: boolean): void {
    this.#gate ??= new RequestGate(this.io.serverSocket.address().host, () => systemClock.now())
    if (this.#gate.enter(request.from.host)) super._onrequest(request, external)
  }

  override onrequest(request: DhtRequest): boolean {
    return mayStore(request, this.admits) && super.onrequest(request)
  }

  override connect(key: Uint8Array, options?: ConnectOptions): NoiseSecretStream {
    const createSecretStream = this.#makeStream
    const stream = super.connect(key, { ...options, createSecretStream })
    if (options !== undefined) return stream
    this.relayStreams.add(stream)
    stream.on('close', () => this.relayStreams.delete(stream))
    hearRefusal(stream, (reason) => this.relayRefused(key, reason))
    return stream
  }

  override createServer(options?: ServerOptions): DhtServer {
    return super.createServer({ ...options, createSecretStream: this.#makeStream })
  }

  readonly #makeStream: MakeSecretStream = (isInitiator, rawStream, options) => {
    const stream = new GuardedStream(isInitiator, rawStream, options)
    this.#streams.add(stream)
    this.#stopAudits ??= systemClock.every(AUDIT_MS, () => auditStreams(this.#streams))
    stream.on('close', () => {
      this.#streams.delete(stream)
      if (this.#streams.size > 0) return
      this.#stopAudits?.()
      this.#stopAudits = undefined
    })
    return stream
  }
}

/** Joins the pool's DHT; UsageError for options that fit no pool, UnreachableError where the port is taken. */
export async function createUdpNode(options: UdpNodeOptions): Promise<UdpNode> {
  const dht = makeDht(options)
  if (options.admits !== undefined) dht.admits = options.admits
  const address = `${options.host ?? '0.0.0.0'}:${options.port ?? 0}`
  await dht.bind().catch((error: unknown) => {
    void dht.destroy({ force: true }).catch(() => {})
    throw cannotListen(address, error)
  })
  return new UdpNode(dht, options)
}

function makeDht(options: UdpNodeOptions): GuardedDht {
  const { seed, host = '0.0.0.0', port = 0, bootstrapHost, reachable } = options
  if (seed.length !== 32) throw new UsageError('a seed has 32 bytes', { length: seed.length })
  const bootstrap = options.bootstrap.map(parseHostPort)
  const common: DhtOptions = {
    keyPair: HyperDHT.keyPair(Buffer.from(seed)),
    host,
    bootstrap,
    anyPort: false,
    maxSize: MAX_TABLE_ENTRIES,
    maxPingDelay: MAX_PING_DELAY_MS,
  }
  if (bootstrapHost !== undefined) {
    if (port === 0) throw new UsageError('a bootstrap node has a fixed port')
    return GuardedDht.bootstrapper(port, bootstrapHost, common) as GuardedDht
  }
  if (bootstrap.length === 0)
    throw new UsageError('a node needs a bootstrap node of its pool, or has to be one')
  // Any port is an empty range, as the library reads 0 as its own default.
  const range = [port, port === 0 ? 0 : port + 1] as const
  if (reachable === undefined) return new GuardedDht({ ...common, port: range })
  return new GuardedDht({ ...common, port: range, firewalled: !reachable, ephemeral: !reachable })
}

/** H("relay key", seed): a server of the DHT needs a key of its own. */
function relaySeed(seed: Uint8Array): Buffer {
  return hash('sha256', tagged('relay key', seed), 'buffer')
}

/** Use createUdpNode. */
export class UdpNode {
  /** For discovery and relays beside the transport. */
  readonly dht: HyperDHT
  readonly #dht: GuardedDht
  /** Raw Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array
  /** The key under which this node relays, where it does: its own, so that one port serves both. */
  readonly relayKeyPair: KeyPair
  readonly #options: UdpNodeOptions
  readonly #onChange = new Set<() => void>()
  readonly #onRefusal = new Set<RefusalListener>()
  readonly #watch: AddressWatch
  #nextRelay = Math.floor(Math.random() * 1024)

  constructor(dht: GuardedDht, options: UdpNodeOptions) {
    this.dht = dht
    this.#dht = dht
    this.#options = options
    this.#watch = new AddressWatch(dht, systemClock, () => this.#changed())
    dht.on('network-change', () => this.#changed())
    dht.relayRefused = (relay, reason) => {
      for (const run of this.#onRefusal) run(relay, reason)
    }
    this.relayKeyPair = HyperDHT.keyPair(relaySeed(options.seed))
    this.publicKey = new Uint8Array(HyperDHT.keyPair(Buffer.from(options.seed)).publicKey)
  }

  /** The bound socket. */
  get bound(): HostPort {
    const { host, port } = this.dht.io.serverSocket.address()
    return { host, port }
  }

  /** The address under which others reach this node, if there is one. */
  get reachableAt(): HostPort | undefined {
    return this.dht.remoteAddress() ?? undefined
  }

  get natKind(): NatKind {
    if (this.dht.host === null) return 'unknown'
    if (this.dht.randomized) return 'random'
    return this.dht.firewalled ? 'consistent' : 'open'
  }

  /** Resolves once the first nodes of the DHT have answered, or none has in the time that the library gives them. */
  async joined(): Promise<void> {
    await this.dht.fullyBootstrapped()
  }

  /**
   * Calls `run` when this machine's addresses, or the one under which others see it, have changed: streams don't survive that, so
   * drop and dial again.
   */
  onNetworkChange(run: () => void): () => void {
    this.#onChange.add(run)
    return () => this.#onChange.delete(run)
  }

  /** Calls `run` when a relay says why it passes nothing on for this node; returns what ends that. */
  onRelayRefusal(run: RefusalListener): () => void {
    this.#onRefusal.add(run)
    return () => this.#onRefusal.delete(run)
  }

  #changed(): void {
    for (const server of this.dht.listening) server.refresh()
    for (const run of this.#onChange) run()
  }

  /** Whether the pool has admitted this raw key, as far as this node knows. */
  admits(key: Uint8Array): boolean {
    return this.#dht.admits(key)
  }

  /** The pool's relays but for this node itself. */
  get relays(): readonly Uint8Array[] {
    return (this.#options.relays?.() ?? []).filter((key) => !equalBytes(key, this.relayKeyPair.publicKey))
  }

  /** Whether a stream's bytes go through a relay at the moment. */
  relayed(raw: UdxStream): boolean {
    for (const { rawStream } of this.#dht.relayStreams) {
      const same = rawStream?.remoteHost === raw.remoteHost && rawStream.remotePort === raw.remotePort
      if (same && rawStream.socket === raw.socket) return true
    }
    return false
  }

  /** The pool's relays but `not`, at most `most`, each time beginning with another one: all of them get their share. */
  someRelays(not: Uint8Array, most: number): readonly Uint8Array[] {
    const relays = this.relays.filter((key) => !equalBytes(key, not))
    if (relays.length === 0) return []
    const first = this.#nextRelay++ % relays.length
    return [...relays.slice(first), ...relays.slice(0, first)].slice(0, most)
  }

  /** Ends everything on it at once; nodes that kept records of this one find out by themselves. */
  async close(): Promise<void> {
    this.#watch.close()
    await this.dht.destroy({ force: true })
  }
}
