import { hash } from 'node:crypto'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { MemoryNetwork } from './memory-transport.ts'

transportConformance('the memory transport', () => {
  const network = new MemoryNetwork()
  const tight = MAX_BODY_BYTES
  const smallBudgets = {
    peerRequestBytes: tight,
    peerResponseBytes: tight,
    peerAnswerBytes: tight,
    requestBytes: tight,
    responseBytes: tight,
    answerBytes: tight,
  }
  return Promise.resolve({
    address: 'memory:0',
    peerId: sha256PeerId,
    node(name, options = {}) {
      const { connectionsPerPeer = 8 } = options
      const limits = { connectionsPerPeer, ...(options.smallBudgets === true ? smallBudgets : {}) }
      const key = hash('sha256', name, 'buffer')
      return Promise.resolve(network.transport(key, { limits, onFault: () => {} }))
    },
  })
})
