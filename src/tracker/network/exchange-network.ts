import { equalBytes } from '../../core/open/bytes.ts'
import { peerId } from '../../core/open/hash.ts'
import type { NetworkPeer, NetworkSelf } from '../../core/open/protocol/network-methods.ts'
import {
  MAX_NETWORK_KEYS,
  NAT_UNKNOWN,
  NODE_OTHER,
  NODE_PROVIDER,
  NODE_TRACKER,
  exchangeNetwork as method,
} from '../../core/open/protocol/network-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import { callingDevice } from '../callers.ts'
import { dialAddress } from '../providers/dial-address.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds } from '../tracker-state.ts'

const VERSION_BYTES = 8

/** What `exchange-network` asks. */
export interface NetworkQuestion {
  readonly known?: Uint8Array | undefined
  readonly self?: NetworkSelf | undefined
}
export interface NetworkAnswer {
  readonly version: Uint8Array
  readonly peers?: readonly NetworkPeer[]
  readonly keys?: readonly Uint8Array[]
}

/** Tells the pool's nodes of each other, and relays whom to serve. For devices, providers and the pool's other nodes. */
export function exchangeNetwork(
  state: TrackerState,
  { known, self }: NetworkQuestion,
  context: Context,
): NetworkAnswer {
  const id = peerId(state.primitives, context.peerKey)
  const { nodes } = state.network
  return state.store.read((tables) => {
    const isNode =
      tables.providers.provider(id) !== undefined || nodes.some((node) => equalBytes(node, context.peerKey))
    if (!isNode) callingDevice(state, tables, context)
    else if (self !== undefined) {
      const address = dialAddress(self.address, context.connection.remoteAddress, context.peerKey)
      state.network.tell(id, { ...self, address })
    }
    const peers = peersOf(state, tables)
    const keys = isNode && self?.relay !== undefined ? keysOf(state, tables) : undefined
    const lists = { peers, ...(keys === undefined ? {} : { keys }) }
    const version = state.primitives
      .sha256(method.response.encode({ version: new Uint8Array(VERSION_BYTES), ...lists }))
      .subarray(0, VERSION_BYTES)
    if (known !== undefined && equalBytes(known, version)) return { version }
    return { version, ...lists }
  })
}

function peersOf(state: TrackerState, tables: TrackerReader): NetworkPeer[] {
  const { own } = state.network
  const self = own?.self()
  const peers: NetworkPeer[] = []
  if (own !== undefined && self !== undefined)
    peers.push({
      id: peerId(state.primitives, own.key),
      role: NODE_TRACKER,
      name: 'tracker',
      ...self,
      up: true,
    })
  for (const row of tables.providers.providers()) {
    const told = state.network.told(row.id)
    peers.push({
      id: row.id,
      role: NODE_PROVIDER,
      name: row.name,
      address: told?.address ?? row.address,
      nat: told?.nat ?? NAT_UNKNOWN,
      relay: told?.relay,
      up: state.presence.isUp(row.id),
    })
  }
  for (const node of state.network.nodes) {
    const id = peerId(state.primitives, node)
    const told = state.network.told(id)
    if (told === undefined) continue
    const { address, nat, relay } = told
    peers.push({ id, role: NODE_OTHER, name: '', address, nat, relay, up: true })
  }
  return peers
}

/** Whom relays serve: members' devices, providers, the tracker, other nodes. */
function keysOf(state: TrackerState, tables: TrackerReader): Uint8Array[] {
  const { own, nodes } = state.network
  const first = [
    ...(own === undefined ? [] : [own.key]),
    ...nodes,
    ...tables.providers.providers().map(({ net }) => net),
  ]
  return [...first, ...tables.members.netKeys(nowSeconds(state), MAX_NETWORK_KEYS)].slice(0, MAX_NETWORK_KEYS)
}
