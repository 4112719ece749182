/** Sends bodies of 4 MiB to a node on the far host over one connection and over several; `node bulk-near.ts <what request-far.ts said> <seconds>` */
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'
import type { Connection } from '../../src/ports/transport.ts'

export interface BulkRate {
  readonly connections: number
  readonly megabytesPerSecond: number
}

const SWALLOW = 2
const BODY = new Uint8Array(4 * 1024 * 1024).fill(7)
/** Bodies under way on each connection: one is sent while another waits for its answer. */
const AT_ONCE = 2

const [told = '', seconds = ''] = process.argv.slice(2)
const far = JSON.parse(told) as { readonly udp: string; readonly key: number[] }
const peerId = sha256PeerId(Uint8Array.from(far.key))
const seed = new Uint8Array(32).fill(1)
const node = await createUdpNode({ seed, bootstrap: [far.udp.split('@')[1]!], reachable: true })
await node.joined()
const transport = new UdpTransport(node)

async function flood(connections: readonly Connection[]): Promise<number> {
  const started = performance.now()
  const end = started + Number(seconds) * 1000
  let bytes = 0
  const worker = async (connection: Connection): Promise<void> => {
    while (performance.now() < end) {
      await connection.request(SWALLOW, { head: new Uint8Array(0), body: BODY })
      bytes += BODY.length
    }
  }
  await Promise.all(
    connections.flatMap((connection) => Array.from({ length: AT_ONCE }, () => worker(connection))),
  )
  return bytes / 1e3 / (performance.now() - started)
}

const connections: Connection[] = []
const rates: BulkRate[] = []
for (const count of [1, 2, 4]) {
  while (connections.length < count) connections.push(await transport.dial(far.udp, peerId))
  rates.push({ connections: count, megabytesPerSecond: await flood(connections) })
}
await transport.close()
await node.close()
console.log(JSON.stringify(rates))
