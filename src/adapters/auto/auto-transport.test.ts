import { hash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { UnreachableError } from '../../core/open/errors.ts'
import { parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { transportConformance } from '../../ports/transport.conformance.ts'
import type { Connection, Transport } from '../../ports/transport.ts'
import { createTlsTransport } from '../tls/tls-transport.ts'
import { startLoopbackDht } from '../udp/loopback-dht.fixture.ts'
import type { UdpNode } from '../udp/udp-node.ts'
import { createUdpNode } from '../udp/udp-node.ts'
import { UdpTransport } from '../udp/udp-transport.ts'
import type { WireClock } from '../wire/clock.ts'
import { ManualClock } from '../wire/manual-clock.ts'
import type { SessionHostOptions } from '../wire/session-host.ts'
import { conformanceLimits } from '../wire/conformance-limits.fixture.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import type { UdpWay } from './udp-way.ts'
import { AutoTransport } from './auto-transport.ts'

type Ways = 'both' | 'tls' | 'udp'

let dhtNode: UdpNode | undefined
let transports: AutoTransport[] = []
let moves: (() => void)[] = []
afterEach(async () => {
  await Promise.all(transports.map((transport) => transport.close()))
  await dhtNode?.close()
  dhtNode = undefined
  transports = []
  moves = []
})

async function makeAuto(
  name: string,
  bootstrap: string,
  ways: Ways,
  options: SessionHostOptions = {},
  clock?: WireClock,
): Promise<AutoTransport> {
  const seed = hash('sha256', name, 'buffer')
  const tls = await createTlsTransport({ seed, ...options, onFault: () => {} })
  const { accounts } = tls
  const udp = async (): Promise<UdpWay> => {
    const node = await createUdpNode({ seed, host: '127.0.0.1', bootstrap: [bootstrap], reachable: true })
    return {
      transport: new UdpTransport(node, { accounts, onFault: () => {} }),
      at: node.bound,
      isReachable: () => true,
      onNetworkChange(run) {
        moves.push(run)
        return () => {}
      },
      close: () => node.close(),
    }
  }
  const { publicKey } = tls
  const auto = new AutoTransport({
    publicKey,
    ...(clock === undefined ? {} : { clock }),
    ...(ways === 'udp' ? {} : { tls }),
    ...(ways === 'tls' ? {} : { udp }),
  })
  transports.push(auto)
  return auto
}

async function startDht(): Promise<string> {
  const { node, bootstrap } = await startLoopbackDht()
  dhtNode = node
  return bootstrap
}

for (const ways of ['both', 'udp'] as const)
  transportConformance(`the transport over ${ways === 'both' ? 'TLS and UDP' : 'UDP alone'}`, async () => {
    const bootstrap = await startDht()
    return {
      address: '127.0.0.1:0',
      peerId: sha256PeerId,
      node(name, options) {
        const limits = conformanceLimits(options)
        return makeAuto(name, bootstrap, ways, { limits })
      },
    }
  })

describe('AutoTransport', () => {
  const nothing = { head: new Uint8Array(0), body: new Uint8Array(0) }
  const listen = (transport: Transport) =>
    transport.listen({ address: '127.0.0.1:0', handler: ({ head, body }) => Promise.resolve({ head, body }) })

  it('listens on one port number for both, and prefers TLS', async () => {
    const bootstrap = await startDht()
    const alice = await makeAuto('alice', bootstrap, 'both')
    // Over TCP somebody else may have a number, and then any other will do; he hasn't three that were drawn.
    for (let tries = 1; ; tries++) {
      const bob = await makeAuto(`bob ${tries}`, bootstrap, 'both')
      const { address } = await listen(bob)
      const { tls, udp } = parsePeerAddress(address)
      if (udp?.endsWith(`@${tls}`) !== true && tries < 3) continue
      expect(udp?.endsWith(`@${tls}`)).toBe(true)
      await prefersTls(alice, bob, address)
      return
    }
  })

  async function prefersTls(alice: AutoTransport, bob: AutoTransport, address: string): Promise<void> {
    const { tls } = parsePeerAddress(address)
    expect(address).toMatch(/^127\.0\.0\.1:\d+\+[\w-]{43}$/)
    const connection = await alice.dial(address, sha256PeerId(bob.publicKey))
    await connection.request(1, nothing)
    expect(alice.path(connection)).toMatchObject({ way: 'tls', relayed: false, remoteAddress: tls })
    expect(alice.known(sha256PeerId(bob.publicKey))?.roundTripMs).toBeGreaterThan(0)
  }

  it('goes over UDP where nobody answers over TLS, or somebody else does', async () => {
    const bootstrap = await startDht()
    const [alice, bob] = [await makeAuto('alice', bootstrap, 'both'), await makeAuto('bob', bootstrap, 'udp')]
    const mallory = await createTlsTransport({ seed: hash('sha256', 'mallory', 'buffer') })
    const others = await listen(mallory)
    const { address } = await listen(bob)
    for (const tls of [others.address, '127.0.0.1:1']) {
      const connection = await alice.dial(`${tls}+${address}`, sha256PeerId(bob.publicKey))
      expect(alice.path(connection)).toMatchObject({ way: 'udp', relayed: false })
      await connection.close()
    }
    await mallory.close()
  })

  it('says which way is missing', async () => {
    const bootstrap = await startDht()
    const [alice, bob] = [await makeAuto('alice', bootstrap, 'tls'), await makeAuto('bob', bootstrap, 'udp')]
    const { address } = await listen(bob)
    const dialled = alice.dial(address, sha256PeerId(bob.publicKey))
    await expect(dialled).rejects.toThrow(/over UDP only/)
    await expect(dialled).rejects.toThrow(UnreachableError)
  })

  it('ends its connections when the network changes, and says that it was that', async () => {
    const bootstrap = await startDht()
    const clock = new ManualClock()
    const [alice, bob] = [
      await makeAuto('alice', bootstrap, 'udp', {}, clock),
      await makeAuto('bob', bootstrap, 'udp'),
    ]
    const asked = Promise.withResolvers<void>()
    const listener = await bob.listen({
      address: '127.0.0.1:0',
      handler: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    })
    const dial = (): Promise<Connection> => alice.dial(listener.address, sha256PeerId(bob.publicKey))
    const connection = await dial()
    const request = connection.request(1, nothing).catch((error: unknown) => error)
    await asked.promise
    clock.advance(5000)
    // The news may be older than this one.
    const later = await dial()
    for (const move of moves) move()
    expect(await request).toMatchObject({ code: 'unreachable', facts: { networkChanged: true } })
    await connection.closed
    const open = later.closed.then(() => 'closed')
    expect(await Promise.race([open, Promise.resolve('open')])).toBe('open')
  })

  it('dials a peer that it misses at the address where it was found since, once', async () => {
    const bob = await makeAuto('bob', '', 'tls')
    const { address } = await listen(bob)
    const other = await makeAuto('other', '', 'tls')
    const there = [address, undefined, (await listen(other)).address]
    const asked: string[] = []
    const alice = new AutoTransport({
      publicKey: new Uint8Array(32),
      tls: await createTlsTransport({ seed: hash('sha256', 'alice', 'buffer') }),
      elsewhere: async (_peerId, missed) => {
        asked.push(missed)
        return there.shift()
      },
    })
    transports.push(alice)
    const id = sha256PeerId(bob.publicKey)
    const nobody = '127.0.0.1:1'
    const connection = await alice.dial(nobody, id)
    expect(connection.peerKey).toEqual(bob.publicKey)
    await expect(alice.dial(nobody, id)).rejects.toThrow(UnreachableError)
    // What is said of a LAN is a hint: the key decides.
    await expect(alice.dial(nobody, id)).rejects.toThrow(UnreachableError)
    expect(asked).toEqual([nobody, nobody, nobody])
  })
})
