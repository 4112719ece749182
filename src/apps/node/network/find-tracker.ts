/**
 * Where a pool's tracker is, for whoever joins by less than its address: by its key alone, or by the address of another node of the pool.
 * In the LAN nodes say it themselves; elsewhere the pool's DHT is asked, under the topic of the pool's nodes. What is found is a hint: the
 * first connection proves the key, whose hash everybody who joins was given.
 */
import { randomBytes } from 'node:crypto'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { isLoopback } from '../../../adapters/wire/outside-address.ts'
import { sha256PeerId } from '../../../adapters/wire/peer-id.ts'
import { equalBytes, toBase64Url } from '../../../core/open/bytes.ts'
import { nodesTopic } from '../../../core/open/peers/discovery.ts'
import { UnreachableError } from '../../../core/open/errors.ts'
import { TOKEN_FOUNDING, encodeJoinToken, parseJoinToken } from '../../../core/open/peers/join-token.ts'
import type { PeerAddress } from '../../../core/open/peers/peer-address.ts'
import {
  formatPeerAddress,
  hintsOfAddress,
  keyOfAddress,
  parsePeerAddress,
} from '../../../core/open/peers/peer-address.ts'
import { Lan } from './lan.ts'
import type { TransportMode } from './transport-mode.ts'

/** Bootstrap nodes in an address, which has to fit into records. */
const MAX_NAMED = 3

export interface TrackerSearch {
  /** What is known: the tracker's address, its key alone, or the address of another node of the pool. */
  readonly address: string
  /** The tracker's, 32 bytes. */
  readonly peerId: Uint8Array
  /** Undefined while there is no pool; the tracker's address has to be known then. */
  readonly pool?: Uint8Array | undefined
  /** Further nodes of the pool that take part in its DHT, `host:port` each. */
  readonly nodes: readonly string[]
  readonly mode: TransportMode
}

/** The token with an address that leads to the tracker; see `findTracker`. */
export async function tokenToJoin(
  text: string,
  { nodes, mode }: Pick<TrackerSearch, 'nodes' | 'mode'>,
): Promise<string> {
  const token = parseJoinToken(text)
  const pool = token.kind === TOKEN_FOUNDING ? undefined : token.pool
  const { address, peerId } = token
  return encodeJoinToken({ ...token, address: await findTracker({ address, peerId, pool, nodes, mode }) })
}

/** Whether an address names a place where the peer with this id may be, and no other one's key. */
export function leadsTo(address: string, peerId: Uint8Array): boolean {
  const parts = parsePeerAddress(address)
  const key = keyOfAddress(parts)
  const isOther = key !== undefined && !equalBytes(sha256PeerId(key), peerId)
  return !isOther && (parts.tls !== undefined || hintsOfAddress(parts).length > 0)
}

/**
 * An address that leads to the tracker; `look` finds it in the LAN. Throws UnreachableError that says what is missing where nobody knows
 * the tracker.
 */
export async function findTracker(search: TrackerSearch, look = inLan): Promise<string> {
  const { address, peerId, pool, mode, nodes } = search
  const parts = parsePeerAddress(address)
  const named = keyOfAddress(parts)
  if (leadsTo(address, peerId)) return withNodes(parts, nodes)
  if (pool === undefined) throw new UnreachableError('that is not the address of the tracker', { address })
  const near = await look(search, pool)
  if (near !== undefined) return near
  const places = [...new Set([...placesOf(parts), ...nodes])]
  const nobody = "nobody in this LAN says that it is this pool's tracker"
  if (mode === 'tls')
    throw new UnreachableError(
      `${nobody}, and with --transport tls nobody else is asked: name its host and port`,
      { address },
    )
  if (places.length === 0)
    throw new UnreachableError(
      `${nobody}: name a node of the pool that can be reached from here with --bootstrap <host:port>`,
      { address },
    )
  const isItsKey = named !== undefined && equalBytes(sha256PeerId(named), peerId)
  const key = isItsKey ? named : await inDht(places, pool, peerId)
  if (key === undefined)
    throw new UnreachableError(
      `nobody at ${places.join(', ')} knows the tracker: are they nodes of this pool, do they answer over UDP, does the tracker run?`,
      { address },
    )
  return withNodes({ udp: toBase64Url(key) }, places)
}

/** The address with further places to ask for its key over UDP. */
function withNodes(parts: PeerAddress, nodes: readonly string[]): string {
  const { tls, udp } = parts
  if (udp === undefined || nodes.length === 0) return formatPeerAddress(parts)
  const hints = [...new Set([...hintsOfAddress(parts), ...nodes])].slice(0, MAX_NAMED)
  return formatPeerAddress({
    ...(tls === undefined ? {} : { tls }),
    udp: `${udp.split('@', 1)[0]}@${hints.join(',')}`,
  })
}

/** Where a node may be asked over UDP, which is IPv4. */
function placesOf(parts: PeerAddress): string[] {
  const { tls } = parts
  return [...hintsOfAddress(parts), ...(tls === undefined || tls.startsWith('[') ? [] : [tls])]
}

async function inLan({ peerId, address }: TrackerSearch, pool: Uint8Array): Promise<string | undefined> {
  const lan = new Lan()
  try {
    return await lan.addressOf(pool, peerId, address)
  } finally {
    await lan.close()
  }
}

/** The key behind the id, from who announces itself as one of the pool's nodes. */
async function inDht(
  nodes: readonly string[],
  pool: Uint8Array,
  id: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { createUdpNode } = await import('../../../adapters/udp/udp-node.ts')
  const { dhtDiscovery } = await import('../../../adapters/udp/dht-discovery.ts')
  const node = await createUdpNode({
    seed: randomBytes(32),
    bootstrap: nodes,
    ...(nodes.every(isLoopback) ? { host: '127.0.0.1' } : {}),
  })
  try {
    const keys = await dhtDiscovery(node.dht).lookup(nodesTopic(nodePrimitives, pool))
    return keys.find((key) => equalBytes(sha256PeerId(key), id))
  } finally {
    await node.close()
  }
}
