import { describe, expect, it } from 'vitest'
import type { PeerDocument } from './peer-lines.ts'
import { peerLines } from './peer-lines.ts'

const peer = (name: string, more: Partial<PeerDocument> = {}): PeerDocument => ({
  id: `${name}${'0'.repeat(63)}`,
  role: 'provider',
  name,
  address: '192.0.2.7:7400',
  nat: 'consistent',
  relays: false,
  up: true,
  ...more,
})

describe('what peers shows to people', () => {
  it('puts columns under their headings, and says what it comes to', () => {
    const direct = { transport: 'tls', relayed: false, roundTripMs: 0.34 } as const
    const relayed = { transport: 'udp', relayed: true, roundTripMs: 123.4 } as const
    expect(
      peerLines([
        peer('t', { role: 'tracker', nat: 'open', relays: true, ...direct }),
        peer('attic', relayed),
        peer('cellar', { up: false, nat: 'random' }),
      ]),
    ).toEqual([
      'node             reached        round trip  router         relays  id            address',
      'tracker          directly, TLS  0.3 ms      none           yes     t00000000000  192.0.2.7:7400',
      'provider attic   by relay, UDP  123 ms      keeps ports            attic0000000  192.0.2.7:7400',
      'provider cellar  down                       changes ports          cellar000000  192.0.2.7:7400',
      '',
      '2 of 3 nodes reached from here, 1 of them through a relay; 1 down.',
    ])
  })

  it('names together who is not reached for one reason, and where to look', () => {
    const lines = peerLines([
      peer('a', { problem: 'no connection in time' }),
      peer('b', { problem: 'no connection in time' }),
      peer('c\u202e', { problem: 'cannot connect: nothing listens there' }),
    ])
    expect(lines.slice(-4)).toEqual([
      '0 of 3 nodes reached from here.',
      'Not reached: provider a, provider b: no connection in time.',
      'Not reached: provider c\\u{202e}: cannot connect: nothing listens there.',
      '`allmend doctor` says what is wrong with this machine’s connection.',
    ])
  })
})
