import { hash } from 'node:crypto'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { conformanceLimits } from '../wire/conformance-limits.fixture.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { MemoryNetwork } from './memory-transport.ts'

transportConformance('the memory transport', () => {
  const network = new MemoryNetwork()
  return Promise.resolve({
    address: 'memory:0',
    peerId: sha256PeerId,
    node(name, options) {
      const limits = conformanceLimits(options)
      const key = hash('sha256', name, 'buffer')
      return Promise.resolve(network.transport(key, { limits, onFault: () => {} }))
    },
  })
})
