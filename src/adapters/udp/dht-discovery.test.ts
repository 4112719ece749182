import { hash } from 'node:crypto'
import { discoveryConformance } from '../../ports/discovery.conformance.ts'
import { dhtDiscovery } from './dht-discovery.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import { createUdpNode } from './udp-node.ts'

discoveryConformance('discovery over the DHT', async () => {
  const { bootstrap, node: first } = await startLoopbackDht()
  const nodes = [first]
  return {
    async node() {
      const seed = hash('sha256', `node ${nodes.length}`, 'buffer')
      const node = await createUdpNode({ seed, host: '127.0.0.1', bootstrap: [bootstrap], reachable: true })
      nodes.push(node)
      await node.joined()
      return { key: node.publicKey, discovery: dhtDiscovery(node.dht) }
    },
    async cleanUp() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
})
