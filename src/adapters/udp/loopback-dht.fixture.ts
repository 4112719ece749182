/** A DHT of one bootstrap node on loopback, for tests. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { UdpNode } from './udp-node.ts'
import { createUdpNode } from './udp-node.ts'

/** A UDP port that nobody uses at the moment. */
export async function freeUdpPort(host = '127.0.0.1'): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** A bootstrap node and its `host:port`. */
export async function startLoopbackDht(): Promise<{ bootstrap: string; node: UdpNode }> {
  const host = '127.0.0.1'
  const port = await freeUdpPort(host)
  const seed = new Uint8Array(32).fill(200)
  const node = await createUdpNode({ seed, host, port, bootstrap: [], bootstrapHost: host })
  await node.joined()
  return { bootstrap: `${host}:${port}`, node }
}
