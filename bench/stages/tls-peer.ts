/** The other process of the transport bench: answers PUT with nothing and GET with as many bytes as the head asks for. */
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
const BENCH_GET = 2

const BODY_BYTES = 4 * 1024 * 1024
const empty = new Uint8Array(0)

const transport = await createTlsTransport({ seed: new Uint8Array(32).fill(2) })
const listener = await transport.listen({
  address: '127.0.0.1:0',
  freeBodies: true,
  // Answers are freed once sent, so each has bytes of its own.
  handler: ({ method }) =>
    Promise.resolve({ head: empty, body: method === BENCH_GET ? Buffer.allocUnsafeSlow(BODY_BYTES) : empty }),
})
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rss: process.resourceUsage().maxRSS }))
process.on('disconnect', () => void transport.close())
process.send?.({ address: listener.address, key: [...transport.publicKey] })
