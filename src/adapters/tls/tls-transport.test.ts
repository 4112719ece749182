import { hash } from 'node:crypto'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { createTlsTransport } from './tls-transport.ts'

transportConformance('the TLS transport', () => {
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
    address: '127.0.0.1:0',
    peerId: sha256PeerId,
    node(name, options = {}) {
      const { connectionsPerPeer = 8 } = options
      const limits = { connectionsPerPeer, ...(options.smallBudgets === true ? smallBudgets : {}) }
      return createTlsTransport({ seed: hash('sha256', name, 'buffer'), limits, onFault: () => {} })
    },
  })
})
