/** Drops what it gets over node:tls: the limit that the transport is compared with. */
import type { AddressInfo } from 'node:net'
import * as tls from 'node:tls'

process.once('message', (options: { key: string; cert: string }) => {
  const server = tls.createServer({ ...options, minVersion: 'TLSv1.3' }, (socket) => {
    socket.on('data', () => {})
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('disconnect', () => server.close())
})
