/** Public nodes of a pool in a lab, and peers at homes. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Lab } from './lab.ts'
import type { PeerOptions, PeerReply, PeerRequest } from './peer-messages.ts'

const PEER = new URL('udp-peer.ts', import.meta.url)
const PORT = 4000

/** One peer's process. */
export class LabPeer {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, (reply: PeerReply) => void>()
  #next = 1

  constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (reply: PeerReply) => {
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    })
  }

  static async start(lab: Lab, host: string, options: PeerOptions): Promise<LabPeer> {
    const child = lab.start(host, PEER, JSON.stringify(options))
    const [hello] = (await once(child, 'message')) as [PeerReply]
    if (hello.error !== undefined) throw new Error(hello.error)
    return new LabPeer(child)
  }

  /** The peer's answer, whether or not it could do it. */
  async try(request: PeerRequest): Promise<PeerReply> {
    const id = this.#next++
    const reply = new Promise<PeerReply>((resolve) => this.#waiting.set(id, resolve))
    this.child.send({ ...request, id })
    return reply
  }

  async do(request: PeerRequest): Promise<PeerReply> {
    const reply = await this.try(request)
    if (reply.error !== undefined) throw new Error(reply.error)
    return reply
  }
}

export interface LabPool {
  readonly bootstrap: readonly string[]
  readonly relays: readonly string[]
  readonly relayPeers: readonly LabPeer[]
}

/** A bootstrap node, four nodes that carry the DHT, two of which relay: as small as a pool can be. */
export async function startPublicNodes(lab: Lab): Promise<LabPool> {
  const host = lab.publicHost('boot')
  const bootstrap = [`${host}:${PORT}`]
  await LabPeer.start(lab, 'boot', { seed: 1, port: PORT, bootstrap: [], bootstrapHost: host, relays: [] })
  const peers: LabPeer[] = []
  for (let i = 0; i < 4; i++) {
    lab.publicHost(`node${i}`)
    peers.push(
      await LabPeer.start(lab, `node${i}`, {
        seed: 10 + i,
        port: PORT,
        bootstrap,
        reachable: true,
        relays: [],
      }),
    )
  }
  const relayPeers = peers.slice(0, 2)
  const relays: string[] = []
  for (const peer of relayPeers) relays.push((await peer.do({ do: 'relay' })).key ?? '')
  return { bootstrap, relays, relayPeers }
}
