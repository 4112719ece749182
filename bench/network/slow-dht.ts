/** A DHT of many nodes in one process, on loopback, with a delay between any two. */
import type HyperDHT from 'hyperdht'
import { hash } from 'node:crypto'
import { startLoopbackDht } from '../../src/adapters/udp/loopback-dht.fixture.ts'
import type { UdpNode } from '../../src/adapters/udp/udp-node.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { each } from './each.ts'

export const ROUND_TRIP_MS = 50
/** Of a round trip; each way takes half. */
export const JITTER_MS = 20
const JOINED_AT_ONCE = 8

export class SlowDht {
  /** Nodes that are up, but for the bootstrap node. */
  readonly live: UdpNode[] = []
  readonly #first: UdpNode
  readonly #bootstrap: string
  readonly #sent = new Map<HyperDHT, number>()
  #isSlow = false
  #made = 0

  private constructor(first: UdpNode, bootstrap: string) {
    this.#first = first
    this.#bootstrap = bootstrap
    this.#slow(first.dht)
  }

  static async start(nodes: number): Promise<SlowDht> {
    const { bootstrap, node } = await startLoopbackDht()
    const dht = new SlowDht(node, bootstrap)
    await each(Array.from({ length: nodes - 1 }), JOINED_AT_ONCE, async () => {
      await dht.join()
    })
    dht.#isSlow = true
    return dht
  }

  async join(): Promise<UdpNode> {
    const seed = hash('sha256', `node ${this.#made++}`, 'buffer')
    const options = { seed, host: '127.0.0.1', bootstrap: [this.#bootstrap], reachable: true }
    const node = await createUdpNode(options)
    this.#slow(node.dht)
    await node.joined()
    this.live.push(node)
    return node
  }

  /** Ends a node without a word to anybody. */
  async kill(node: UdpNode): Promise<void> {
    this.live.splice(this.live.indexOf(node), 1)
    await node.close()
  }

  /** Packets that a node, or all of them, have sent. */
  packets(node?: UdpNode): number {
    if (node !== undefined) return this.#sent.get(node.dht) ?? 0
    return [...this.#sent.values()].reduce((sum, packets) => sum + packets, 0)
  }

  #slow(dht: HyperDHT): void {
    const { serverSocket, clientSocket } = dht.io
    for (const socket of [serverSocket, clientSocket]) {
      const send = socket.trySend.bind(socket)
      socket.trySend = (...packet) => {
        this.#sent.set(dht, (this.#sent.get(dht) ?? 0) + 1)
        if (!this.#isSlow) return send(...packet)
        const ms = (ROUND_TRIP_MS + (Math.random() * 2 - 1) * JITTER_MS) / 2
        setTimeout(() => {
          if (!dht.destroyed) send(...packet)
        }, ms)
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#first, ...this.live].map((node) => node.close()))
  }
}
