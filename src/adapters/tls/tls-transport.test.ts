import { hash } from 'node:crypto'
import type { TransportSetup } from '../../ports/transport.conformance.ts'
import { transportConformance } from '../../ports/transport.conformance.ts'
import { conformanceLimits } from '../wire/conformance-limits.fixture.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { pacedLoopback } from '../wire/paced-loopback.fixture.ts'
import type { TlsTransportOptions } from './tls-transport.ts'
import { createTlsTransport } from './tls-transport.ts'

function setup(own: Pick<TlsTransportOptions, 'line'> = {}): Promise<TransportSetup> {
  return Promise.resolve({
    address: '127.0.0.1:0',
    peerId: sha256PeerId,
    node(name, options) {
      const limits = conformanceLimits(options)
      return createTlsTransport({
        seed: hash('sha256', name, 'buffer'),
        limits,
        onFault: () => {},
        ...own,
      })
    },
  })
}

transportConformance('the TLS transport', () => setup())
transportConformance('the TLS transport on a limited line', () => setup({ line: pacedLoopback() }))
