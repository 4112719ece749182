/**
 * This machine's node of the pool's DHT: the sockets, the key and the routing that transport, relay and discovery share.
 *
 * Invariants:
 * - Never the public DHT: the library's default bootstrap nodes are unreachable from here, since a node names its own or is one.
 * - One UDP port serves all. What the tables of the DHT take from others is bounded.
 */
import HyperDHT from 'hyperdht'
import type { DhtOptions, RelayThrough } from 'hyperdht'
import { equalBytes } from '../../core/open/bytes.ts'
import { UnreachableError, UsageError } from '../../core/open/errors.ts'
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
  /** Raw keys of the pool's relays as known at the moment; at least two keep both-symmetric NATs connected when one is down. */
  readonly relays?: () => readonly Uint8Array[]
}

/** What kind of NAT a node is behind, as far as it knows. */
export type NatKind = 'unknown' | 'open' | 'consistent' | 'random'

/** Joins the pool's DHT; UsageError for options that fit no pool, UnreachableError where the port is taken. */
export async function createUdpNode(options: UdpNodeOptions): Promise<UdpNode> {
  const dht = makeDht(options)
  const address = `${options.host ?? '0.0.0.0'}:${options.port ?? 0}`
  await dht.bind().catch((error: unknown) => {
    void dht.destroy({ force: true }).catch(() => {})
    throw new UnreachableError('cannot listen there', { address }, { cause: error })
  })
  return new UdpNode(dht, options)
}

function makeDht(options: UdpNodeOptions): HyperDHT {
  const { seed, host = '0.0.0.0', port = 0, bootstrapHost, reachable } = options
  if (seed.length !== 32) throw new UsageError('a seed has 32 bytes', { length: seed.length })
  const bootstrap = options.bootstrap.map(parseHostPort)
  const common: DhtOptions = {
    keyPair: HyperDHT.keyPair(Buffer.from(seed)),
    host,
    bootstrap,
    anyPort: false,
    maxSize: MAX_TABLE_ENTRIES,
  }
  if (bootstrapHost !== undefined) {
    if (port === 0) throw new UsageError('a bootstrap node has a fixed port')
    return HyperDHT.bootstrapper(port, bootstrapHost, common)
  }
  if (bootstrap.length === 0)
    throw new UsageError('a node needs a bootstrap node of its pool, or has to be one')
  // Any port is an empty range, as the library reads 0 as its own default.
  const range = [port, port === 0 ? 0 : port + 1] as const
  if (reachable === undefined) return new HyperDHT({ ...common, port: range })
  return new HyperDHT({ ...common, port: range, firewalled: !reachable, ephemeral: !reachable })
}

export class UdpNode {
  /** For discovery and relays beside the transport. */
  readonly dht: HyperDHT
  /** Raw Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly #options: UdpNodeOptions
  #nextRelay = Math.floor(Math.random() * 1024)

  constructor(dht: HyperDHT, options: UdpNodeOptions) {
    this.dht = dht
    this.#options = options
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

  /** Calls `run` when this machine's addresses have changed: streams don't survive that, so drop and dial again. */
  onNetworkChange(run: () => void): () => void {
    this.dht.on('network-change', run)
    return () => this.dht.off('network-change', run)
  }

  /** The pool's relays without this node's own key. */
  get relays(): readonly Uint8Array[] {
    return (this.#options.relays?.() ?? []).filter((key) => !equalBytes(key, this.publicKey))
  }

  /** Takes the pool's relays in turn, so that one that is down costs one attempt; `not` is never chosen. */
  relayThrough(not?: Uint8Array): RelayThrough {
    return () => {
      const relays = this.relays.filter((key) => not === undefined || !equalBytes(key, not))
      const relay = relays[this.#nextRelay++ % Math.max(1, relays.length)]
      return relay === undefined ? null : Buffer.from(relay)
    }
  }

  /** Ends everything on it at once; nodes that kept records of this one find out by themselves. */
  async close(): Promise<void> {
    await this.dht.destroy({ force: true })
  }
}
