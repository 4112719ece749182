/** Asks a node on the far host one request after the other over each transport; `node request-near.ts <what request-far.ts said> <requests>` */
import { createTlsTransport } from '../../src/adapters/tls/tls-transport.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'
import type { Transport } from '../../src/ports/transport.ts'

/** Milliseconds of each request, in rising order. */
export interface RequestTimes {
  readonly tls: readonly number[]
  readonly udp: readonly number[]
}

const BODY = new Uint8Array(1024).fill(7)
const WARM_UP = 10

const [told = '', requests = ''] = process.argv.slice(2)
const far = JSON.parse(told) as { readonly tls: string; readonly udp: string; readonly key: number[] }
const seed = new Uint8Array(32).fill(1)

async function ask(transport: Transport, address: string): Promise<number[]> {
  const connection = await transport.dial(address, sha256PeerId(Uint8Array.from(far.key)))
  const times: number[] = []
  for (let i = -WARM_UP; i < Number(requests); i++) {
    const started = performance.now()
    await connection.request(1, { head: new Uint8Array(0), body: BODY })
    if (i >= 0) times.push(performance.now() - started)
  }
  await transport.close()
  return times.sort((a, b) => a - b)
}

const tls = await ask(await createTlsTransport({ seed }), far.tls)
const node = await createUdpNode({ seed, bootstrap: [far.udp.split('@')[1]!], reachable: true })
await node.joined()
const udp = await ask(new UdpTransport(node), far.udp)
await node.close()
console.log(JSON.stringify({ tls, udp } satisfies RequestTimes))
