import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A UDP port of a host that nobody uses at the moment. */
export async function freeUdpPort(host = '127.0.0.1'): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
