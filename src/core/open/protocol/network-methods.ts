/** What the nodes of a pool tell each other, by way of the tracker, of how they are reached. Hints only: keys prove who answers. */
import { id, publicKey } from '../objects/suite.ts'
import type { ValueOf } from '../schema.ts'
import { array, bool, bytes, oneOf, optional, struct, text } from '../schema.ts'
import { method } from './method.ts'

export const NODE_TRACKER = 0
export const NODE_PROVIDER = 1
/** Neither: a bootstrap node or a relay that stands alone. */
export const NODE_OTHER = 2

export const NAT_UNKNOWN = 0
/** Others reach its port without its help. */
export const NAT_OPEN = 1
/** Its NAT keeps one port towards everybody. */
export const NAT_CONSISTENT = 2
/** Its NAT takes another port towards each peer. */
export const NAT_RANDOM = 3

/** Peers listed at once: all providers, and some. */
export const MAX_NETWORK_PEERS = 1_100
/** Net keys that relays serve; those enrolled last where there are more. */
export const MAX_NETWORK_KEYS = 8_192

const natField = oneOf([NAT_UNKNOWN, NAT_OPEN, NAT_CONSISTENT, NAT_RANDOM])

const networkSelf = struct({
  /** An address of `peer-address.ts`; a host that says nothing stands for the one that the caller comes from. */
  address: [0, text(300)],
  nat: [1, natField],
  /** The key under which it relays; absent where it doesn't. */
  relay: [2, optional(publicKey)],
})
export type NetworkSelf = ValueOf<typeof networkSelf>

export const networkPeer = struct({
  id: [0, id],
  role: [1, oneOf([NODE_TRACKER, NODE_PROVIDER, NODE_OTHER])],
  name: [2, text(64)],
  address: [3, text(300)],
  nat: [4, natField],
  relay: [5, optional(publicKey)],
  /** The tracker has heard of it a moment ago. */
  up: [6, bool()],
})
export type NetworkPeer = ValueOf<typeof networkPeer>

/**
 * Tells how the caller is reached (nodes, not devices), and asks for the others. `known` is the version of an earlier answer;
 * where that still holds, the lists are absent. Relays get the net keys that they may serve.
 */
export const exchangeNetwork = method(
  24,
  'exchange-network',
  struct({ known: [0, optional(bytes(8))], self: [1, optional(networkSelf)] }),
  struct({
    version: [0, bytes(8)],
    peers: [1, optional(array(networkPeer, MAX_NETWORK_PEERS))],
    keys: [2, optional(array(publicKey, MAX_NETWORK_KEYS))],
  }),
)
