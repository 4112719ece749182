/** The load of the transport benches: bodies each way, then small requests, with what both processes spend on it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Connection } from '../../src/ports/transport.ts'

const BENCH_PUT = 1
const BENCH_GET = 2
const BODY_BYTES = 4 * 1024 * 1024
const CONCURRENCY = 4
const SMALL_REQUESTS = 5000

export interface TransportBenchRow {
  readonly name: string
  readonly value: number
  readonly unit: 'MB/s' | 'ms' | 'requests/s' | 'CPU-s/GB' | 'MB'
}

interface PeerUsage {
  readonly cpu: NodeJS.CpuUsage
  readonly rss: number
}

/** Moves `bodies` bodies of 4 MiB each way over these connections in turn, then small requests over the first. */
export async function measureTransport(
  connections: readonly Connection[],
  peer: ChildProcess,
  bodies: number,
): Promise<TransportBenchRow[]> {
  const rows: TransportBenchRow[] = []
  await bulk(connections, BENCH_PUT, 20)
  for (const [name, method] of [
    ['put 4 MiB bodies', BENCH_PUT],
    ['get 4 MiB bodies', BENCH_GET],
  ] as const) {
    const before = await usage(peer)
    const seconds = await bulk(connections, method, bodies)
    const after = await usage(peer)
    const gigabytes = (bodies * BODY_BYTES) / 1e9
    rows.push({ name, value: (gigabytes * 1000) / seconds, unit: 'MB/s' })
    rows.push({ name: `${name}, both ends`, value: (after.cpu - before.cpu) / gigabytes, unit: 'CPU-s/GB' })
  }
  const [first] = connections
  if (first !== undefined) rows.push(...(await small(first)))
  rows.push({ name: 'peer, peak', value: (await usage(peer)).rss / 1e3, unit: 'MB' })
  return rows
}

/** One line for each row. */
export function printRows(rows: readonly TransportBenchRow[]): void {
  for (const { name, value, unit } of rows)
    console.log(`${name.padEnd(32)} ${value.toFixed(value < 100 ? 2 : 0).padStart(9)} ${unit}`)
}

async function bulk(connections: readonly Connection[], method: number, count: number): Promise<number> {
  const body = method === BENCH_PUT ? new Uint8Array(BODY_BYTES).fill(3) : new Uint8Array(0)
  const head = new Uint8Array(64)
  let left = count
  const started = performance.now()
  const worker = async (connection: Connection): Promise<void> => {
    while (left-- > 0) await connection.request(method, { head, body }, { expectBodyBytes: BODY_BYTES })
  }
  await Promise.all(
    Array.from({ length: CONCURRENCY }, (_, i) => worker(connections[i % connections.length]!)),
  )
  return (performance.now() - started) / 1000
}

async function small(connection: Connection): Promise<TransportBenchRow[]> {
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
