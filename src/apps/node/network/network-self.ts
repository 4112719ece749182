import type { NatKind } from '../../../adapters/udp/udp-node.ts'
import type { NetworkSelf } from '../../../core/open/protocol/network-methods.ts'
import {
  NAT_CONSISTENT,
  NAT_OPEN,
  NAT_RANDOM,
  NAT_UNKNOWN,
} from '../../../core/open/protocol/network-methods.ts'
import type { NodeRelay } from './node-relay.ts'
import type { PoolNetwork } from './pool-network.ts'

const CODES: Readonly<Record<NatKind, NetworkSelf['nat']>> = {
  unknown: NAT_UNKNOWN,
  open: NAT_OPEN,
  consistent: NAT_CONSISTENT,
  random: NAT_RANDOM,
}

/** What a node that listens at `address` says of itself; undefined without UDP. */
export function networkSelf(
  network: Pick<PoolNetwork, 'node' | 'isReachable'>,
  address: string,
  relay: Pick<NodeRelay, 'key'> | undefined,
): NetworkSelf | undefined {
  const node = network.node()
  if (node === undefined) return undefined
  const nat = network.isReachable() ? NAT_OPEN : CODES[node.natKind]
  return { address, nat, relay: relay?.key }
}
