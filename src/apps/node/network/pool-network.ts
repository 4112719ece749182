/**
 * A node's or a client's way into its pool's network: the transport, the DHT node beneath it, and what is remembered of both.
 *
 * Invariants:
 * - The DHT's library is loaded when UDP is needed, and never where the mode is `tls`: it costs memory and a tenth of a second.
 * - Bootstrap nodes are the pool's own: those that the tracker's address, the book or a person names. Without one there is no UDP.
 */
import { isIPv4 } from 'node:net'
import type { UdpWay } from '../../../adapters/auto/udp-way.ts'
import { AutoTransport } from '../../../adapters/auto/auto-transport.ts'
import { PathMemory } from '../../../adapters/auto/path-memory.ts'
import { createTlsTransport } from '../../../adapters/tls/tls-transport.ts'
import { freeUdpPort } from '../../../adapters/udp/free-udp-port.ts'
import type { UdpNode } from '../../../adapters/udp/udp-node.ts'
import { parseAddress } from '../../../adapters/wire/address.ts'
import { systemClock } from '../../../adapters/wire/clock.ts'
import type { LineLimits } from '../../../adapters/wire/line-limits.ts'
import { isLoopback, isOutside } from '../../../adapters/wire/outside-address.ts'
import type { SessionHostOptions } from '../../../adapters/wire/session-host.ts'
import { UnreachableError } from '../../../core/open/errors.ts'
import { hintsOfAddress, parsePeerAddress } from '../../../core/open/peers/peer-address.ts'
import type { NatMirrors } from './nat-mirrors.ts'
import { Lan } from './lan.ts'
import { atMost } from '../at-most.ts'
import { NetworkBook } from './network-book.ts'
import type { TransportMode } from './transport-mode.ts'

/** How long a node waits until the DHT has said what NAT it is behind; it goes on without knowing. */
const JOIN_MS = 3000

export interface PoolNetworkOptions extends Pick<SessionHostOptions, 'limits' | 'onFault'> {
  /** What this process may move; anything without. */
  readonly line?: LineLimits | undefined
  /** The 32-byte Ed25519 seed of this node's net key. */
  readonly seed: Uint8Array
  readonly mode: TransportMode
  /** Where what is learned is kept; without one it is forgotten at the end. */
  readonly file?: string
  /** Where peers that aren't reached are looked for in the LAN; nowhere without it. */
  readonly pool?: Uint8Array
  /** The tracker's address, whose hints are bootstrap nodes. */
  readonly tracker?: string
  /** Further bootstrap nodes, `host:port` each. */
  readonly bootstrap?: readonly string[]
  /** For nodes: the IPv4 `host:port` to take connections over UDP at; the port may be 0. */
  readonly listen?: string
  /** For nodes: the UDP port that they had the last time, taken where it is free and none is asked for. */
  readonly lastPort?: number | undefined
  /** Makes this node the first of its DHT: the IPv4 address under which others reach it. */
  readonly bootstrapHost?: string
  /** Whose announcements this node stores for others; by default those of everybody, until the pool has said who belongs to it. */
  readonly admits?: (key: Uint8Array) => boolean
  /** Raw keys of the pool's relays; by default those of the book. */
  readonly relays?: () => readonly Uint8Array[]
}

export interface PoolNetwork {
  /** Closing it ends the network, and writes down how peers were reached. */
  readonly transport: AutoTransport
  readonly book: NetworkBook
  readonly mode: TransportMode
  /** What this process may move; undefined where nothing limits it. */
  readonly line: LineLimits | undefined
  /** The LAN, in which nodes tell of themselves. */
  readonly lan: Lan
  /** The DHT node, where one was needed so far. */
  readonly node: () => UdpNode | undefined
  /** Others reach this node's UDP port without its help, as far as it knows. */
  readonly isReachable: () => boolean
}

export async function openPoolNetwork(options: PoolNetworkOptions): Promise<PoolNetwork> {
  const { seed, mode, pool, limits, onFault, line } = options
  const lan = new Lan()
  const book = await NetworkBook.open(options.file)
  const memory = new PathMemory(systemClock)
  const { paths, ago } = book.paths
  memory.recall(paths, ago)
  const host: SessionHostOptions = {
    ...(limits === undefined ? {} : { limits }),
    ...(line === undefined ? {} : { line }),
    ...(onFault === undefined ? {} : { onFault }),
  }
  // Where only UDP is wanted it still holds the accounts and the key.
  const tls = await createTlsTransport({ seed, ...host })
  let node: UdpNode | undefined
  let reachable: boolean | undefined
  const isReachable = (): boolean => reachable ?? node?.natKind === 'open'
  const startUdp = async (): Promise<UdpWay> => {
    const started = await startNode(options, book)
    const { UdpTransport } = await import('../../../adapters/udp/udp-transport.ts')
    const mirrors = await startMirrors(started.node, options).catch(async (error: unknown) => {
      await started.node.close()
      throw error
    })
    node = started.node
    reachable = started.reachable
    node.onRelayRefusal((_relay, { facts }) => {
      const { seconds } = facts
      if (typeof seconds !== 'number') return
      book.noteRefusal(seconds * 1000).catch((error: unknown) => {
        if (onFault === undefined) process.emitWarning(String(error))
        else onFault(error)
      })
    })
    return {
      transport: new UdpTransport(started.node, {
        ...host,
        accounts: tls.accounts,
        // Its address leads to it.
        ...(started.reachable === true ? { announceWaitMs: 0 } : {}),
      }),
      at: started.node.bound,
      isReachable,
      onNetworkChange: (run) => started.node.onNetworkChange(run),
      async close() {
        await Promise.all([started.node.close(), mirrors?.close()])
      },
    }
  }
  const transport = new AutoTransport({
    publicKey: tls.publicKey,
    memory,
    line,
    ...(mode === 'udp' ? {} : { tls }),
    ...(mode === 'tls' ? {} : { udp: startUdp }),
    ...(pool === undefined
      ? {}
      : { elsewhere: (peer: Uint8Array, address: string) => lan.addressOf(pool, peer, address) }),
    onClosed: async () => {
      await lan.close()
      await book.keepPaths(memory.keep())
    },
  })
  return {
    transport,
    book,
    mode,
    line,
    lan,
    node: () => node,
    isReachable,
  }
}

/** The first node of a pool that isn't on one machine alone. */
async function startMirrors(
  node: UdpNode,
  { bootstrapHost, admits }: PoolNetworkOptions,
): Promise<NatMirrors | undefined> {
  if (bootstrapHost === undefined || isLoopback(bootstrapHost)) return undefined
  const { openNatMirrors } = await import('./nat-mirrors.ts')
  return openNatMirrors(node, bootstrapHost, admits)
}

async function startNode(
  options: PoolNetworkOptions,
  book: NetworkBook,
): Promise<{ readonly node: UdpNode; readonly reachable: boolean | undefined }> {
  const { seed, listen, lastPort, tracker, bootstrap: further = [], bootstrapHost } = options
  const { admits = (key: Uint8Array) => book.mayAnnounce(key), relays = () => book.relays } = options
  const { createUdpNode } = await import('../../../adapters/udp/udp-node.ts')
  const at = listen === undefined ? undefined : parseAddress(listen)
  const named = tracker === undefined ? [] : hintsOfAddress(parsePeerAddress(tracker))
  const bootstrap = [...new Set([...named, ...further, ...book.nodes])]
  if (bootstrap.length === 0 && bootstrapHost === undefined)
    throw new UnreachableError('no node of the pool is known over UDP')
  // A pool on this machine alone.
  const isLocal = isLoopback(at?.host ?? '') || (at === undefined && bootstrap.every(isLoopback))
  const host = isLocal ? '127.0.0.1' : (at?.host ?? '0.0.0.0')
  // Clients come and go: who counts them as nodes waits for those that are gone.
  const isNode = at !== undefined
  const reachable = isNode && (isLocal || bootstrapHost !== undefined || isPublic(host)) ? true : undefined
  const start = async (port: number): Promise<UdpNode> =>
    createUdpNode({
      seed,
      host,
      // The first node's id comes from its port.
      port: port === 0 && bootstrapHost !== undefined ? await freeUdpPort(host) : port,
      bootstrap: bootstrap.filter((other) => other !== `${bootstrapHost}:${port}`),
      ...(bootstrapHost === undefined ? {} : { bootstrapHost }),
      ...(reachable === undefined ? {} : { reachable }),
      admits,
      relays,
    })
  const wanted = at !== undefined && at.port !== 0 ? at.port : undefined
  const node = await start(wanted ?? lastPort ?? 0).catch((error: unknown) => {
    // Somebody took the port meanwhile; others find this node by its key.
    if (wanted !== undefined || lastPort === undefined || !(error instanceof UnreachableError)) throw error
    return start(0)
  })
  // Only for what it doesn't know of itself: it joins beside everything else, and tries again by itself where nobody answers.
  if (isNode && reachable === undefined) await atMost(JOIN_MS, node.joined())
  return { node, reachable }
}

/** An IPv4 address of the internet, where carriers' NATs and multicast are not. */
function isPublic(host: string): boolean {
  if (!isIPv4(host) || !isOutside(host)) return false
  const [a = 0, b = 0] = host.split('.').map(Number)
  return a > 0 && a < 224 && !(a === 100 && b >= 64 && b < 128)
}
