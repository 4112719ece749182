/**
 * What a pool's DHT of many nodes does for lookups while it is quiet, while nodes come and go, and when many go at once; and what announcing
 * costs. Churn is five times as fast as life: nodes leave without a word and others come, and what was announced is announced anew; but the
 * nodes' own upkeep isn't, so that five times as many of those that they know are gone.
 */
import { hash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { dhtDiscovery } from '../../src/adapters/udp/dht-discovery.ts'
import type { UdpNode } from '../../src/adapters/udp/udp-node.ts'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'
import { nodeRandom } from '../../src/adapters/native/node-random.ts'
import { RENEW_MS } from '../../src/ports/discovery.ts'
import { Announcements } from '../../src/provider/keep-announcing.ts'
import { each } from './each.ts'
import type { Lookups, Topic } from './lookups.ts'
import { lookUp } from './lookups.ts'
import { SlowDht } from './slow-dht.ts'

const HOUR_MS = 3_600_000
/** Of the nodes, in an hour; and, in another scene, at once. */
const CHURN = 0.1
export const FASTER = 5
const CHURN_MS = 180_000
const TOPICS = 30
/** Holders of a stripe. */
const ANNOUNCERS = 6
const LOOKUPS = 300
const AT_ONCE = 4
const CHURN_PAUSE_MS = 400

export interface Announced {
  readonly stripes: number
  readonly topics: number
  /** That the provider sends to announce all that it holds once. */
  readonly packets: number
}

export interface DhtScenes {
  readonly nodes: number
  readonly quiet: Lookups
  readonly churn: Lookups
  readonly deadAtOnce: Lookups
  readonly announced: readonly Announced[]
}

export async function runDhtScenes(nodes = 200): Promise<DhtScenes> {
  const dht = await SlowDht.start(nodes)
  try {
    const topics = Array.from({ length: TOPICS }, (_, i): Topic => {
      const announcers = Array.from(
        { length: ANNOUNCERS },
        (_, j) => dht.live[(i * 17 + j * 31) % dht.live.length]!,
      )
      return { id: hash('sha256', `topic ${i}`, 'buffer'), announcers }
    })
    await each(topics, AT_ONCE, (topic) => announce(dht, topic))
    const some = (done: number): boolean => done < LOOKUPS
    const quiet = await lookUp(topics, dht.live, AT_ONCE, 0, some)
    const announced = [await announceAll(dht, 1_000, nodes), await announceAll(dht, 1_000_000, nodes)]
    const churn = await whileChurning(dht, topics)
    await each(topics, AT_ONCE, (topic) => announce(dht, topic))
    await Promise.all(dht.live.slice(0, Math.round(nodes * CHURN)).map((node) => dht.kill(node)))
    const deadAtOnce = await lookUp(topics, dht.live, AT_ONCE, 0, some)
    return { nodes, quiet, churn, deadAtOnce, announced }
  } finally {
    await dht.close()
  }
}

async function announce(dht: SlowDht, { id, announcers }: Topic): Promise<void> {
  const one = async (node: UdpNode): Promise<void> => {
    try {
      await dhtDiscovery(node.dht).announce(id)
    } catch (error) {
      // Who has gone meanwhile announces nothing.
      if (dht.live.includes(node)) throw error
    }
  }
  await Promise.all(announcers.map(one))
}

/** What one round of announcing costs a provider, in a pool in which all nodes are providers. */
async function announceAll(dht: SlowDht, stripes: number, providers: number): Promise<Announced> {
  const node = dht.live[0]!
  const held = [...new Set(randomBytes(stripes))]
  const announcements = new Announcements({
    primitives: nodePrimitives,
    clock: nodeClock,
    random: nodeRandom,
    discovery: dhtDiscovery(node.dht),
    pool: randomBytes(32),
    stripes: () => held,
    providers: () => providers,
    onFailure: (error) => {
      throw error
    },
  })
  const before = dht.packets(node)
  await announcements.round(new AbortController().signal)
  return { stripes, topics: announcements.size, packets: dht.packets(node) - before }
}

async function whileChurning(dht: SlowDht, topics: readonly Topic[]): Promise<Lookups> {
  const end = performance.now() + CHURN_MS
  const goesOn = (): boolean => performance.now() < end
  const every = HOUR_MS / FASTER / (dht.live.length * CHURN)
  const churn = async (): Promise<void> => {
    for (;;) {
      await sleep(every)
      if (!goesOn()) return
      const leaver = dht.live[Math.floor(Math.random() * dht.live.length)]!
      await dht.kill(leaver)
      const newcomer = await dht.join()
      // What it held is repaired elsewhere; that is announced in its time.
      for (const { announcers } of topics) replace(announcers, leaver, newcomer)
    }
  }
  const renew = async (topic: Topic): Promise<void> => {
    for (;;) {
      await sleep((RENEW_MS / FASTER) * (0.8 + 0.4 * Math.random()))
      if (!goesOn()) return
      await announce(dht, topic)
    }
  }
  const [lookups] = await Promise.all([
    lookUp(topics, dht.live, AT_ONCE, CHURN_PAUSE_MS, goesOn),
    churn(),
    ...topics.map(renew),
  ])
  return lookups
}

function replace(nodes: UdpNode[], from: UdpNode, to: UdpNode): void {
  const at = nodes.indexOf(from)
  if (at >= 0) nodes[at] = to
}

if (import.meta.main) {
  const started = process.cpuUsage()
  const scenes = await runDhtScenes(Number(process.argv[2] ?? 200))
  const cpu = process.cpuUsage(started)
  console.log(scenes)
  console.log(
    `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s CPU, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  )
}
