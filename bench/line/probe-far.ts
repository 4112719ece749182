/** The far end of a probe: returns datagrams, takes TCP's bytes, and tells how many and how fast. `node probe-far.ts <address>` */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const host = process.argv[2]!

const echo = createSocket('udp4')
echo.on('message', (bytes, from) => echo.send(bytes, from.port, from.address))
echo.bind(0, host)

const sink = createServer({ allowHalfOpen: true }, (socket) => {
  let [bytes, first, last] = [0, 0, 0]
  socket.on('data', (chunk) => {
    last = performance.now()
    first ||= last
    bytes += chunk.length
  })
  socket.on('end', () => socket.end(JSON.stringify({ bytes, seconds: (last - first) / 1000 })))
  socket.on('error', (error) => console.log(`the sink: ${error.message}`))
})
sink.listen(0, host)
await Promise.all([once(echo, 'listening'), once(sink, 'listening')])
const address = sink.address()
if (address === null || typeof address === 'string') throw new Error('the sink has no port')
console.log(JSON.stringify({ udp: echo.address().port, tcp: address.port }))
