/** A process with a TLS listener, for tests that attack, stop or kill it: `node tls-victim.fixture.ts [<connections>]`, forked. */
import type { Message } from '../../ports/transport.ts'
import { createTlsTransport } from './tls-transport.ts'

const HANG = 3
const SAMPLE_MS = 5

const most = process.argv[2]
const transport = await createTlsTransport({
  seed: new Uint8Array(32).fill(77),
  onFault: () => {},
  ...(most === undefined ? {} : { limits: { connections: Number(most) } }),
})
const listener = await transport.listen({
  address: '127.0.0.1:0',
  handler: (request) => {
    if (request.method === HANG) return new Promise<Message>(() => {})
    return Promise.resolve({ head: request.head, body: request.body })
  },
})
let peak = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, SAMPLE_MS)
process.on('message', (question) => {
  if (question === 'reset') peak = process.memoryUsage.rss()
  process.send?.({
    peak,
    connections: transport.accounts.connections,
    granted: transport.accounts.shared.requests.used,
  })
})
process.on('disconnect', () => process.exit())
process.send?.({ address: listener.address, key: [...transport.publicKey] })
