/**
 * The transport between two processes on loopback, beside node:tls by itself in the same run.
 * `node bench/stages/tls.ts [bodies]`
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import * as tls from 'node:tls'
import { makeNetCertificate } from '../../src/adapters/tls/net-certificate.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import type { Connection } from '../../src/ports/transport.ts'

export const BENCH_PUT = 1
export const BENCH_GET = 2
const BODY_BYTES = 4 * 1024 * 1024
const CONCURRENCY = 4
const SMALL_REQUESTS = 5000

export interface TlsBenchRow {
  readonly name: string
  readonly value: number
  readonly unit: 'MB/s' | 'ms' | 'requests/s' | 'CPU-s/GB' | 'MB'
}

interface PeerUsage {
  readonly cpu: NodeJS.CpuUsage
  readonly rss: number
}

/** Moves `bodies` bodies of 4 MiB each way, then small requests. */
export async function benchTls(bodies = 400): Promise<TlsBenchRow[]> {
  const peer = fork(new URL('tls-peer.ts', import.meta.url))
  const [hello] = (await once(peer, 'message')) as [{ address: string; key: number[] }]
  const transport = await createTlsTransport({ seed: new Uint8Array(32).fill(1) })
  const rows: TlsBenchRow[] = []
  try {
    const peerId = sha256PeerId(Uint8Array.from(hello.key))
    const started = performance.now()
    const connection = await transport.dial(hello.address, peerId)
    rows.push({ name: 'dial', value: performance.now() - started, unit: 'ms' })
    await bulk(connection, BENCH_PUT, 20)
    for (const [name, method] of [
      ['put 4 MiB bodies', BENCH_PUT],
      ['get 4 MiB bodies', BENCH_GET],
    ] as const) {
      const before = await usage(peer)
      const seconds = await bulk(connection, method, bodies)
      const after = await usage(peer)
      const gigabytes = (bodies * BODY_BYTES) / 1e9
      rows.push({ name, value: (gigabytes * 1000) / seconds, unit: 'MB/s' })
      rows.push({ name: `${name}, both ends`, value: (after.cpu - before.cpu) / gigabytes, unit: 'CPU-s/GB' })
    }
    rows.push(...(await small(connection)))
    rows.push({ name: 'peer, peak', value: (await usage(peer)).rss / 1e3, unit: 'MB' })
  } finally {
    await transport.close()
    peer.disconnect()
  }
  rows.push({ name: 'node:tls by itself', value: await bareTls(bodies), unit: 'MB/s' })
  return rows
}

async function bulk(connection: Connection, method: number, count: number): Promise<number> {
  const body = method === BENCH_PUT ? new Uint8Array(BODY_BYTES).fill(3) : new Uint8Array(0)
  const head = new Uint8Array(64)
  let left = count
  const started = performance.now()
  const worker = async (): Promise<void> => {
    while (left-- > 0) await connection.request(method, { head, body }, { expectBodyBytes: BODY_BYTES })
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return (performance.now() - started) / 1000
}

async function small(connection: Connection): Promise<TlsBenchRow[]> {
  const message = { head: new Uint8Array(1024), body: new Uint8Array(0) }
  const times: number[] = []
  for (let i = 0; i < SMALL_REQUESTS / 5; i++) {
    const started = performance.now()
    await connection.request(BENCH_PUT, message)
    times.push(performance.now() - started)
  }
  times.sort((a, b) => a - b)
  const started = performance.now()
  await Promise.all(Array.from({ length: SMALL_REQUESTS }, () => connection.request(BENCH_PUT, message)))
  const seconds = (performance.now() - started) / 1000
  return [
    { name: '1 KiB round trip, median', value: times[times.length >> 1] ?? 0, unit: 'ms' },
    { name: '1 KiB requests at once', value: SMALL_REQUESTS / seconds, unit: 'requests/s' },
  ]
}

/** CPU seconds of both processes so far, and the peer's peak memory in KB. */
async function usage(peer: ChildProcess): Promise<{ cpu: number; rss: number }> {
  peer.send('usage')
  const [theirs] = (await once(peer, 'message')) as [PeerUsage]
  const mine = process.cpuUsage()
  return { cpu: (theirs.cpu.user + theirs.cpu.system + mine.user + mine.system) / 1e6, rss: theirs.rss }
}

/** The same bytes, 256 KiB a write, over one socket to a process that drops them. */
async function bareTls(bodies: number): Promise<number> {
  const { key, cert } = await makeNetCertificate(new Uint8Array(32).fill(3))
  const sink = fork(new URL('tls-sink.ts', import.meta.url), { serialization: 'advanced' })
  sink.send({ key, cert })
  const [{ port }] = (await once(sink, 'message')) as [{ port: number }]
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const chunk = new Uint8Array(256 * 1024)
  const total = bodies * BODY_BYTES
  const started = performance.now()
  for (let sent = 0; sent < total; sent += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain')
  socket.end()
  await once(socket.resume(), 'close')
  const seconds = (performance.now() - started) / 1000
  sink.disconnect()
  return total / 1e6 / seconds
}

if (import.meta.main) {
  for (const row of await benchTls(Number(process.argv[2] ?? 400))) {
    console.log(
      `${row.name.padEnd(32)} ${row.value.toFixed(row.value < 100 ? 2 : 0).padStart(9)} ${row.unit}`,
    )
  }
}
