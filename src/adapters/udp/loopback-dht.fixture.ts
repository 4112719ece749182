/** A DHT of one bootstrap node on loopback, for tests. */
import { freeUdpPort } from './free-udp-port.ts'
import type { UdpNode } from './udp-node.ts'
import { createUdpNode } from './udp-node.ts'

/** A bootstrap node and its `host:port`. */
export async function startLoopbackDht(): Promise<{ bootstrap: string; node: UdpNode }> {
  const host = '127.0.0.1'
  const port = await freeUdpPort(host)
  const seed = new Uint8Array(32).fill(200)
  const node = await createUdpNode({ seed, host, port, bootstrap: [], bootstrapHost: host })
  await node.joined()
  return { bootstrap: `${host}:${port}`, node }
}
