/**
 * A node in a LAN that has nothing but that LAN. `listen` takes connections over TLS and tells of itself; `dial <peer id in hex>` has an
 * address of the peer where nobody is, and sends one request.
 */
import { AutoTransport } from '../../src/adapters/auto/auto-transport.ts'
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import { Lan } from '../../src/apps/node/lan.ts'
import { fromHex, toHex } from '../../src/core/open/bytes.ts'

const pool = new Uint8Array(32).fill(5)
const [role, peer = ''] = process.argv.slice(2)
const lan = new Lan()
const seed = new Uint8Array(32).fill(role === 'listen' ? 1 : 2)
const tls = await createTlsTransport({ seed })

if (role === 'listen') {
  const handler = ({ head, body }: { head: Uint8Array; body: Uint8Array }) => Promise.resolve({ head, body })
  const { address } = await tls.listen({ address: '0.0.0.0:0', handler })
  lan.tell(pool, { key: tls.publicKey, address })
  process.send?.(toHex(sha256PeerId(tls.publicKey)))
} else {
  const transport = new AutoTransport({
    publicKey: tls.publicKey,
    tls,
    elsewhere: (peerId, address) => lan.addressOf(pool, peerId, address),
  })
  const connection = await transport.dial('44.128.7.250:9', fromHex(peer)!)
  const { head } = await connection.request(1, { head: Uint8Array.of(42), body: new Uint8Array(0) })
  process.send?.(`${connection.remoteAddress} ${head[0]}`)
}
