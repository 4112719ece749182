import { hash } from 'node:crypto'
import type { TransportSetup } from '../../ports/transport.conformance.ts'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { pacedLoopback } from '../wire/paced-loopback.fixture.ts'
import type { TlsTransportOptions } from './tls-transport.ts'
import { createTlsTransport } from './tls-transport.ts'

function setup(options: Pick<TlsTransportOptions, 'line'> = {}): Promise<TransportSetup> {
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
    node(name, { connectionsPerPeer = 8, smallBudgets: areSmall = false } = {}) {
      const limits = { connectionsPerPeer, ...(areSmall ? smallBudgets : {}) }
      return createTlsTransport({
        seed: hash('sha256', name, 'buffer'),
        limits,
        onFault: () => {},
        ...options,
      })
    },
  })
}

transportConformance('the TLS transport', () => setup())
transportConformance('the TLS transport on a limited line', () => setup({ line: pacedLoopback() }))
