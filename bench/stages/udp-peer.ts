/** The other process of the transport bench over UDP, a bootstrap node too: answers PUT with nothing and GET with 4 MiB. */
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'

const BENCH_GET = 2

const port = Number(process.argv[2])
const BODY_BYTES = 4 * 1024 * 1024
const empty = new Uint8Array(0)
const host = '127.0.0.1'

const node = await createUdpNode({
  seed: new Uint8Array(32).fill(2),
  host,
  port,
  bootstrap: [],
  bootstrapHost: host,
})
const transport = new UdpTransport(node)
const listener = await transport.listen({
  address: `${host}:${port}`,
  freeBodies: true,
  // Answers are freed once sent, so each has bytes of its own.
  handler: ({ method }) =>
    Promise.resolve({ head: empty, body: method === BENCH_GET ? Buffer.allocUnsafeSlow(BODY_BYTES) : empty }),
})
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rss: process.resourceUsage().maxRSS }))
process.on('disconnect', () => {
  void transport.close().then(() => node.close())
})
process.send?.({ address: listener.address, key: [...transport.publicKey] })
