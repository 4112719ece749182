/** A process with a UDP listener: `node udp-victim.fixture.ts <bootstrap>`, forked. */
import type { Usage } from '../wire/victim.fixture.ts'
import { serveAsVictim } from '../wire/victim.fixture.ts'
import type { UdpUsage } from './attack.fixture.ts'
import { createUdpNode } from './udp-node.ts'
import { UdpTransport } from './udp-transport.ts'

const node = await createUdpNode({
  seed: new Uint8Array(32).fill(77),
  host: '127.0.0.1',
  bootstrap: [process.argv[2] ?? ''],
  reachable: true,
})
const more = (): Omit<UdpUsage, keyof Usage> => {
  const { user, system } = process.cpuUsage()
  return { streams: node.dht.rawStreams.size, cpu: user + system }
}
await serveAsVictim(new UdpTransport(node, { onFault: () => {} }), more)
