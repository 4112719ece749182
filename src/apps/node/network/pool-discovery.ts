import { dhtDiscovery } from '../../../adapters/udp/dht-discovery.ts'
import { UnreachableError } from '../../../core/open/errors.ts'
import type { Discovery } from '../../../ports/discovery.ts'
import type { PoolNetwork } from './pool-network.ts'

/** Discovery over a pool's DHT, which is joined when it is first used; where it can't be, nobody is found. */
export function poolDiscovery(network: Pick<PoolNetwork, 'transport' | 'node'>): Discovery {
  const inner = async (): Promise<Discovery> => {
    await network.transport.startUdp()
    const node = network.node()
    if (node === undefined) throw new UnreachableError('this node has no UDP')
    return dhtDiscovery(node.dht)
  }
  return {
    announce: async (topic, signal) => (await inner()).announce(topic, signal),
    withdraw: async (topic, signal) => (await inner()).withdraw(topic, signal),
    async lookup(topic, signal) {
      try {
        return await (await inner()).lookup(topic, signal)
      } catch (error) {
        // Whoever looks knows others to ask.
        if (error instanceof UnreachableError) return []
        throw error
      }
    },
  }
}
