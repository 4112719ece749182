/** A node that returns what it is sent by method 1 and keeps nothing of what it is sent by others, over TLS and UDP; a bootstrap node, too. */
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'
import type { ListenOptions } from '../../src/ports/transport.ts'

const [host = '', port = ''] = process.argv.slice(2)
const seed = new Uint8Array(32).fill(2)
const nothing = new Uint8Array(0)
const handler: ListenOptions['handler'] = ({ method, head, body }) =>
  Promise.resolve({ head, body: method === 1 ? body : nothing })
const tls = await (await createTlsTransport({ seed })).listen({ address: `${host}:0`, handler })
const node = await createUdpNode({ seed, host, port: Number(port), bootstrap: [], bootstrapHost: host })
const udp = await new UdpTransport(node).listen({ address: `${host}:${port}`, handler })
console.log(JSON.stringify({ tls: tls.address, udp: udp.address, key: [...node.publicKey] }))
