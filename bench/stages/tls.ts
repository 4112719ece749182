/**
 * The transport between two processes on loopback, beside node:tls by itself in the same run.
 * `node bench/stages/tls.ts [bodies]`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import * as tls from 'node:tls'
import { makeNetCertificate } from '../../src/adapters/tls/net-certificate.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import type { TransportBenchRow } from './transport-load.ts'
import { measureTransport, printRows } from './transport-load.ts'

const BODY_BYTES = 4 * 1024 * 1024

/** Moves `bodies` bodies of 4 MiB each way, then small requests. */
export async function benchTls(bodies = 400): Promise<TransportBenchRow[]> {
  const peer = fork(new URL('tls-peer.ts', import.meta.url))
  const [hello] = (await once(peer, 'message')) as [{ address: string; key: number[] }]
  const transport = await createTlsTransport({ seed: new Uint8Array(32).fill(1) })
  const rows: TransportBenchRow[] = []
  try {
    const peerId = sha256PeerId(Uint8Array.from(hello.key))
    const started = performance.now()
    const connection = await transport.dial(hello.address, peerId)
    rows.push({ name: 'dial', value: performance.now() - started, unit: 'ms' })
    rows.push(...(await measureTransport([connection], peer, bodies)))
  } finally {
    await transport.close()
    peer.disconnect()
  }
  rows.push({ name: 'node:tls by itself', value: await bareTls(bodies), unit: 'MB/s' })
  return rows
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

if (import.meta.main) printRows(await benchTls(Number(process.argv[2] ?? 400)))
