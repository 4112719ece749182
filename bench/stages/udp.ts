/**
 * The UDP transport between two processes on loopback, over one connection and over two.
 * `node bench/stages/udp.ts [bodies]`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { freeUdpPort } from '../../src/adapters/udp/free-udp-port.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import type { TransportBenchRow } from './transport-load.ts'
import { measureTransport, printRows } from './transport-load.ts'

/** Moves `bodies` bodies of 4 MiB each way, then small requests. */
export async function benchUdp(bodies = 100, connections = 1): Promise<TransportBenchRow[]> {
  const port = await freeUdpPort()
  const peer = fork(new URL('udp-peer.ts', import.meta.url), [String(port)])
  const [hello] = (await once(peer, 'message')) as [{ address: string; key: number[] }]
  const node = await createUdpNode({
    seed: new Uint8Array(32).fill(1),
    host: '127.0.0.1',
    bootstrap: [`127.0.0.1:${port}`],
    reachable: true,
  })
  await node.joined()
  const transport = new UdpTransport(node)
  try {
    const peerId = sha256PeerId(Uint8Array.from(hello.key))
    const started = performance.now()
    const dialled = [await transport.dial(hello.address, peerId)]
    const dialMs = performance.now() - started
    while (dialled.length < connections) dialled.push(await transport.dial(hello.address, peerId))
    return [{ name: 'dial', value: dialMs, unit: 'ms' }, ...(await measureTransport(dialled, peer, bodies))]
  } finally {
    await transport.close()
    await node.close()
    peer.disconnect()
  }
}

if (import.meta.main) {
  const bodies = Number(process.argv[2] ?? 100)
  for (const connections of [1, 2]) {
    console.log(`${connections} connection${connections > 1 ? 's' : ''}`)
    printRows(await benchUdp(bodies, connections))
  }
}
