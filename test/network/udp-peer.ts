/** A node with a UDP transport in a process of its own, driven by messages; `node udp-peer.ts <options as JSON>`. */
import { startRelay } from '../../src/adapters/udp/relay/relay-server.ts'
import type { RelayServer } from '../../src/adapters/udp/relay/relay-server.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { parseUdpAddress } from '../../src/adapters/udp/udp-address.ts'
import { UdpTransport } from '../../src/adapters/udp/udp-transport.ts'
import { sha256PeerId } from '../../src/adapters/wire/peer-id.ts'
import type { Connection } from '../../src/ports/transport.ts'
import type { PeerCommand, PeerOptions, PeerReply } from './peer-messages.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as PeerOptions
const { port, bootstrap, bootstrapHost, reachable } = options
const node = await createUdpNode({
  seed: new Uint8Array(32).fill(options.seed),
  bootstrap,
  relays: () => options.relays.map((key) => Buffer.from(key, 'hex')),
  ...(port === undefined ? {} : { port }),
  ...(bootstrapHost === undefined ? {} : { bootstrapHost }),
  ...(reachable === undefined ? {} : { reachable }),
})
await node.joined()
const transport = new UdpTransport(node)
let relay: RelayServer | undefined
let connection: Connection | undefined

async function obey(command: PeerCommand): Promise<Omit<PeerReply, 'id'>> {
  switch (command.do) {
    case 'relay': {
      const { bytesPerDay } = command
      await relay?.close()
      relay = await startRelay(node, {
        admit: () => true,
        ...(bytesPerDay === undefined ? {} : { limits: { bytesPerDay } }),
      })
      return { key: Buffer.from(relay.publicKey).toString('hex') }
    }
    case 'listen': {
      const handler = ({ head, body }: { head: Uint8Array; body: Uint8Array }) =>
        Promise.resolve({ head, body })
      const listener = await transport.listen({ address: '0.0.0.0:0', handler })
      return { address: listener.address }
    }
    case 'dial': {
      const { key } = parseUdpAddress(command.address)
      connection = await transport.dial(command.address, sha256PeerId(key))
      break
    }
    case 'echo': {
      const body = new Uint8Array(command.bytes).fill(command.bytes)
      const answer = await connection?.request(1, { head: new Uint8Array(0), body })
      if (answer === undefined || Buffer.compare(answer.body, body) !== 0)
        throw new Error('not what was sent')
      break
    }
    case 'hang-up': {
      await connection?.close()
      connection = undefined
      break
    }
    case 'info':
      break
  }
  const path = connection === undefined ? undefined : transport.path(connection)
  return {
    nat: node.natKind,
    ...(path === undefined ? {} : { path }),
    ...(relay === undefined ? {} : { relayed: relay.usage.connections }),
  }
}

process.on('message', (command: PeerCommand) => {
  const started = performance.now()
  obey(command).then(
    (reply) => process.send?.({ id: command.id, ms: performance.now() - started, ...reply }),
    (error: unknown) =>
      process.send?.({ id: command.id, error: `${String(error)} ${String((error as Error).cause)}` }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ id: 0 })
