/**
 * Discovery in a DHT of many nodes in one process, with 50 ± 20 ms between any two: how long lookups take, what announcing costs, and what
 * a loss of nodes does. `node bench/stages/dht.ts [nodes]`
 */
import { hash } from 'node:crypto'
import type HyperDHT from 'hyperdht'
import { dhtDiscovery } from '../../src/adapters/udp/dht-discovery.ts'
import { startLoopbackDht } from '../../src/adapters/udp/loopback-dht.fixture.ts'
import type { UdpNode } from '../../src/adapters/udp/udp-node.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'

const ROUND_TRIP_MS = 50
/** Of a round trip; each way takes half. */
const JITTER_MS = 20
/** Holders of a stripe. */
const ANNOUNCERS = 6
const TOPICS = 100
const LOOKUPS = 300
const AT_ONCE = 4

interface Lookups {
  /** Until the lookup has ended, in round trips. */
  readonly p50: number
  readonly p95: number
  /** Lookups that named at least one live announcer. */
  readonly success: number
  /** Of the live announcers, those that were named. */
  readonly named: number
  readonly packets: number
}

export interface DhtBench {
  readonly nodes: number
  readonly announcePackets: number
  readonly quiet: Lookups
  /** After a tenth of the nodes has gone without a word, and as many have come; nothing was announced anew. */
  readonly churned: Lookups
}

export async function benchDht(count = 200): Promise<DhtBench> {
  const packets = { sent: 0, delayed: false }
  const { bootstrap, node: first } = await startLoopbackDht()
  slow(first.dht, packets)
  const live: UdpNode[] = []
  let made = 0
  const join = async (): Promise<void> => {
    const seed = hash('sha256', `node ${made++}`, 'buffer')
    const node = await createUdpNode({ seed, host: '127.0.0.1', bootstrap: [bootstrap], reachable: true })
    slow(node.dht, packets)
    await node.joined()
    live.push(node)
  }
  try {
    await each(Array.from({ length: count - 1 }), 8, join)
    packets.delayed = true

    const topics = new Map<Buffer, UdpNode[]>()
    for (let i = 0; i < TOPICS; i++)
      topics.set(
        hash('sha256', `topic ${i}`, 'buffer'),
        Array.from({ length: ANNOUNCERS }, (_, j) => live[(i * 17 + j * 31) % live.length]!),
      )
    const before = packets.sent
    const announcements = [...topics].flatMap(([topic, nodes]) => nodes.map((node) => [topic, node] as const))
    await each(announcements, AT_ONCE, ([topic, node]) => dhtDiscovery(node.dht).announce(topic))
    const announcePackets = (packets.sent - before) / announcements.length

    const quiet = await lookUp(topics, live, packets)
    const gone = live.splice(0, Math.round(count / 10))
    await Promise.all(gone.map((node) => node.close()))
    const churned = [lookUp(topics, live, packets), each(gone, 1, join)] as const
    await churned[1]
    return { nodes: count, announcePackets, quiet, churned: await churned[0] }
  } finally {
    await Promise.all([first, ...live].map((node) => node.close()))
  }
}

/** Delays what a node sends, half a round trip each. */
function slow(dht: HyperDHT, packets: { sent: number; delayed: boolean }): void {
  const { serverSocket, clientSocket } = dht.io
  for (const socket of [serverSocket, clientSocket]) {
    const send = socket.trySend.bind(socket)
    socket.trySend = (...packet) => {
      packets.sent++
      if (!packets.delayed) return send(...packet)
      const ms = (ROUND_TRIP_MS + (Math.random() * 2 - 1) * JITTER_MS) / 2
      setTimeout(() => {
        if (!dht.destroyed) send(...packet)
      }, ms)
    }
  }
}

async function lookUp(
  topics: ReadonlyMap<Buffer, readonly UdpNode[]>,
  live: readonly UdpNode[],
  packets: { readonly sent: number },
): Promise<Lookups> {
  const names = [...topics.keys()]
  const [times, counts] = [[] as number[], { success: 0, named: 0, there: 0 }]
  const readers = live.slice(0, 50)
  const before = packets.sent
  await each(Array.from({ length: LOOKUPS }), AT_ONCE, async (_, i) => {
    const topic = names[i % names.length]!
    const there = topics.get(topic)!.filter((node) => live.includes(node))
    const started = performance.now()
    const keys = await dhtDiscovery(readers[i % readers.length]!.dht).lookup(topic)
    times.push((performance.now() - started) / ROUND_TRIP_MS)
    const named = there.filter(({ publicKey }) => keys.some((key) => Buffer.from(publicKey).equals(key)))
    counts.success += Number(named.length > 0)
    counts.named += named.length
    counts.there += there.length
  })
  times.sort((a, b) => a - b)
  return {
    p50: times[Math.floor(times.length * 0.5)]!,
    p95: times[Math.floor(times.length * 0.95)]!,
    success: counts.success / LOOKUPS,
    named: counts.named / counts.there,
    packets: (packets.sent - before) / LOOKUPS,
  }
}

async function each<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++
      await work(items[i]!, i)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

if (import.meta.main) {
  const started = process.cpuUsage()
  const { nodes, announcePackets, quiet, churned } = await benchDht(Number(process.argv[2] ?? 200))
  const cpu = process.cpuUsage(started)
  console.log(`${nodes} nodes, round trips of ${ROUND_TRIP_MS} ± ${JITTER_MS} ms`)
  console.log(`announce: ${announcePackets.toFixed(0)} packets`)
  for (const [name, row] of Object.entries({ quiet, churned }))
    console.log(
      `lookup, ${name}: p50 ${row.p50.toFixed(1)}, p95 ${row.p95.toFixed(1)} round trips; success ${(100 * row.success).toFixed(1)} %, ` +
        `${(100 * row.named).toFixed(1)} % of the announcers named; ${row.packets.toFixed(0)} packets`,
    )
  console.log(
    `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s CPU, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  )
}
