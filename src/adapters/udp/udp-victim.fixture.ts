/** A process with a UDP listener, for tests that attack, stop or kill it: `node udp-victim.fixture.ts <bootstrap>`, forked. */
import type { Message } from '../../ports/transport.ts'
import type { Usage } from './attack.fixture.ts'
import { createUdpNode } from './udp-node.ts'
import { UdpTransport } from './udp-transport.ts'

const HANG = 3
const SAMPLE_MS = 5

const seed = new Uint8Array(32).fill(77)
const node = await createUdpNode({
  seed,
  host: '127.0.0.1',
  bootstrap: [process.argv[2] ?? ''],
  reachable: true,
})
const transport = new UdpTransport(node, { onFault: () => {} })
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
    streams: node.dht.rawStreams.size,
    cpu: process.cpuUsage().user + process.cpuUsage().system,
  } satisfies Usage)
})
process.on('disconnect', () => process.exit())
process.send?.({ address: listener.address, key: [...transport.publicKey] })
