import { hash } from 'node:crypto'
import { afterEach } from 'vitest'
import type { TransportSetup } from '../../ports/transport.conformance.ts'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { pacedLoopback } from '../wire/paced-loopback.fixture.ts'
import { conformanceLimits } from '../wire/conformance-limits.fixture.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import type { UdpNode } from './udp-node.ts'
import { createUdpNode } from './udp-node.ts'
import type { UdpTransportOptions } from './udp-transport.ts'
import { UdpTransport } from './udp-transport.ts'

let nodes: UdpNode[] = []
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()))
  nodes = []
})

async function setup(own: Pick<UdpTransportOptions, 'line'> = {}): Promise<TransportSetup> {
  const dht = await startLoopbackDht()
  nodes.push(dht.node)
  return {
    address: '127.0.0.1:0',
    peerId: sha256PeerId,
    async node(name, options) {
      const limits = conformanceLimits(options)
      const seed = hash('sha256', name, 'buffer')
      const node = await createUdpNode({
        seed,
        host: '127.0.0.1',
        bootstrap: [dht.bootstrap],
        reachable: true,
      })
      nodes.push(node)
      return new UdpTransport(node, { limits, onFault: () => {}, ...own })
    },
  }
}

transportConformance('the UDP transport', () => setup())
transportConformance('the UDP transport on a limited line', () => setup({ line: pacedLoopback() }))
