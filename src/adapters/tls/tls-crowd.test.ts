/** A listener whose connections are all taken, by one who has as many keys as he likes. */
import { hash } from 'node:crypto'
import * as tls from 'node:tls'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FRAME } from '../../core/open/wire/frame.ts'
import { parseAddress } from '../wire/address.ts'
import { ask, event, startVictim } from './attack.fixture.ts'
import { makeNetCertificate } from './net-certificate.ts'
import { ALPN, createTlsTransport } from './tls-transport.ts'

const EMPTY = new Uint8Array(0)
const ECHO = 1
/** What a hostile peer may cost. */
const COST_LIMIT = 32 * 1024 * 1024

describe('a TLS listener that has no more connections', () => {
  const MOST = 64

  it('lets honest peers in, though five hundred keys connect from one address', async () => {
    const victim = await startVictim(String(MOST))
    const { port } = parseAddress(victim.address)
    const honest = await createTlsTransport({ seed: hash('sha256', 'honest', 'buffer') })
    const work = async (): Promise<void> => {
      const connection = await honest.dial(victim.address, victim.id)
      await connection.request(ECHO, { head: EMPTY, body: new Uint8Array(100_000) })
      await connection.close()
    }
    // What the first handshakes and requests leave behind is not the attacker's.
    for (let i = 0; i < 20; i++) await work()
    const sockets: tls.TLSSocket[] = []
    const before = (await ask(victim.child, 'reset')).peak
    const hello = encodeFrame(FRAME.hello, 0, Uint8Array.of(1))
    for (let i = 0; i < 500; i++) {
      const { key, cert } = makeNetCertificate(hash('sha256', `key ${i}`, 'buffer'))
      const options = { port, host: '127.0.0.1', localAddress: '127.0.0.2', rejectUnauthorized: false }
      const socket = tls.connect({ ...options, key, cert, ALPNProtocols: [ALPN] })
      sockets.push(socket)
      socket.on('error', () => socket.destroy())
      await event(socket, 'secureConnect')
      socket.resume().write(hello)
      if (i % 100 === 99) await work()
    }
    const { peak, connections } = await ask(victim.child, 'usage')
    expect(connections).toBeLessThanOrEqual(MOST)
    expect(peak - before).toBeLessThan(COST_LIMIT)
    for (const socket of sockets) socket.destroy()
    await honest.close()
    victim.child.disconnect()
  })
})
