import { hash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import type { Connection } from '../../ports/transport.ts'
import { createTlsTransport } from '../tls/tls-transport.ts'
import { startLoopbackDht } from '../udp/loopback-dht.fixture.ts'
import type { UdpNode } from '../udp/udp-node.ts'
import { createUdpNode } from '../udp/udp-node.ts'
import { UdpTransport } from '../udp/udp-transport.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { AutoTransport } from './auto-transport.ts'

/** By then the DHT has forgotten handshakes, ms: 10 s of punching and what follows. */
const FORGOTTEN_MS = 30_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
let nodes: UdpNode[] = []
let transports: AutoTransport[] = []
afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()))
  await Promise.all(nodes.map((node) => node.close()))
  nodes = []
  transports = []
})

async function makeAuto(name: string, way: 'tls' | 'udp', bootstrap: string): Promise<AutoTransport> {
  const seed = hash('sha256', name, 'buffer')
  const tls = await createTlsTransport({ seed })
  const { accounts, publicKey } = tls
  const node = await createUdpNode({ seed, host: '127.0.0.1', bootstrap: [bootstrap], reachable: true })
  nodes.push(node)
  const udp = {
    transport: new UdpTransport(node, { accounts }),
    at: node.bound,
    isReachable: () => true,
    onNetworkChange: () => () => {},
    close: () => Promise.resolve(),
  }
  const ways = way === 'tls' ? { tls } : { udp: () => Promise.resolve(udp) }
  const transport = new AutoTransport({ publicKey, ...ways })
  transports.push(transport)
  return transport
}

for (const [way, count] of [
  ['tls', 400],
  ['udp', 100],
] as const)
  test(`of ${count} connections over ${way.toUpperCase()} that have come and gone, either end keeps none`, async () => {
    const { bootstrap, node } = await startLoopbackDht()
    nodes.push(node)
    const [near, far] = await Promise.all(['near', 'far'].map((name) => makeAuto(name, way, bootstrap)))
    const gone: WeakRef<object>[] = []
    const { address } = await far!.listen({
      address: '127.0.0.1:0',
      handler: ({ head, body, signal }) => {
        gone.push(new WeakRef(signal))
        return Promise.resolve({ head, body })
      },
      onConnection: (connection: Connection) => void gone.push(new WeakRef(connection)),
    })
    const come = async (): Promise<void> => {
      const connection = await near!.dial(address, sha256PeerId(far!.publicKey))
      gone.push(new WeakRef(connection))
      await connection.request(1, { head: new Uint8Array(0), body: new Uint8Array(4096) })
      await connection.close()
    }
    for (let i = 0; i < count; i++) await come()
    expect(gone.length).toBe(3 * count)
    await vi.waitFor(
      () => {
        collect()
        expect(gone.filter((one) => one.deref() !== undefined).length).toBe(0)
      },
      { timeout: FORGOTTEN_MS, interval: 200 },
    )
  })
