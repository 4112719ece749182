/**
 * What a line does to plain datagrams and to one TCP connection, as a line of JSON.
 * `node probe-near.ts <address> <UDP port> <TCP port> <datagrams> <seconds>`
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the line did. */
export interface LineProbe {
  /** Of datagrams of 64 bytes, ms. */
  readonly rttMs: { readonly median: number; readonly p95: number }
  /** Share that is lost in one direction, both taken together. */
  readonly loss: number
  /** Payload of one TCP connection, its slow start included. */
  readonly mbits: number
}

const [host, udp, tcp, datagrams, seconds] = process.argv.slice(2)
const PACE_MS = 1
const LAST_MS = 1000

async function exchange(port: number, count: number): Promise<Pick<LineProbe, 'rttMs' | 'loss'>> {
  const socket = createSocket('udp4')
  const sent: number[] = []
  const times: number[] = []
  socket.on('message', (bytes) => times.push(performance.now() - sent[bytes.readUInt32BE(0)]!))
  const bytes = Buffer.alloc(64)
  for (let i = 0; i < count; i++) {
    bytes.writeUInt32BE(i)
    sent.push(performance.now())
    socket.send(Buffer.from(bytes), port, host)
    await sleep(PACE_MS)
  }
  await sleep(LAST_MS)
  socket.close()
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  return { rttMs: { median: at(0.5), p95: at(0.95) }, loss: 1 - Math.sqrt(times.length / count) }
}

async function flood(port: number, ms: number): Promise<number> {
  const socket = connect(port, host)
  await once(socket, 'connect')
  const until = performance.now() + ms
  const chunk = Buffer.alloc(65_536)
  while (performance.now() < until) if (!socket.write(chunk)) await once(socket, 'drain')
  socket.end()
  const { bytes, seconds } = (await json(socket)) as { readonly bytes: number; readonly seconds: number }
  return (bytes * 8) / 1e6 / seconds
}

const exchanged = await exchange(Number(udp), Number(datagrams))
const mbits = await flood(Number(tcp), Number(seconds) * 1000)
console.log(JSON.stringify({ ...exchanged, mbits } satisfies LineProbe))
