import { afterEach, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { dhtDiscovery } from '../../../adapters/udp/dht-discovery.ts'
import { startLoopbackDht } from '../../../adapters/udp/loopback-dht.fixture.ts'
import type { UdpNode } from '../../../adapters/udp/udp-node.ts'
import { createUdpNode } from '../../../adapters/udp/udp-node.ts'
import { sha256PeerId } from '../../../adapters/wire/peer-id.ts'
import { toBase64Url } from '../../../core/open/bytes.ts'
import { nodesTopic } from '../../../core/open/peers/discovery.ts'
import { UnreachableError } from '../../../core/open/errors.ts'
import type { TrackerSearch } from './find-tracker.ts'
import { findTracker, leadsTo } from './find-tracker.ts'

const pool = new Uint8Array(32).fill(3)
const seed = new Uint8Array(32).fill(1)
const raw = nodePrimitives.ed25519Public(seed)
const key = toBase64Url(raw)
const other = toBase64Url(nodePrimitives.ed25519Public(new Uint8Array(32).fill(2)))
const peerId = sha256PeerId(raw)
const nobody = () => Promise.resolve(undefined)
const search = (address: string, more: Partial<TrackerSearch> = {}): TrackerSearch => ({
  address,
  peerId,
  pool,
  nodes: [],
  mode: 'auto',
  ...more,
})

const nodes: UdpNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()))
})

describe('an address that leads to the tracker', () => {
  test.each(['192.0.2.7:7400', `192.0.2.7:7400+${key}`, `${key}@192.0.2.9:7`, `192.0.2.7:7400+${key}@`])(
    '%s comes back as it is',
    async (address) => {
      expect(leadsTo(address, peerId)).toBe(true)
      expect(await findTracker(search(address), () => expect.fail('nobody is to be asked'))).toBe(address)
    },
  )

  test.each([key, `192.0.2.7:7400+${other}`, `${other}@192.0.2.7:7400`])('%s is none', (address) => {
    expect(leadsTo(address, peerId)).toBe(false)
  })

  test('takes nodes that are named as further places to ask', async () => {
    const named = { nodes: ['198.51.100.4:7', '198.51.100.5:7'] }
    expect(await findTracker(search(`192.0.2.7:7400+${key}@`, named), nobody)).toBe(
      `192.0.2.7:7400+${key}@198.51.100.4:7,198.51.100.5:7`,
    )
    expect(await findTracker(search(key, named), nobody)).toBe(`${key}@198.51.100.4:7,198.51.100.5:7`)
  })
})

describe('a search for the tracker', () => {
  test('believes who says in the LAN where it is', async () => {
    const near = `192.168.1.7:7400+${key}`
    expect(await findTracker(search(key), () => Promise.resolve(near))).toBe(near)
  })

  test('says what is missing', async () => {
    const failure = (more: Partial<TrackerSearch>, address = key) =>
      findTracker(search(address, more), nobody).catch((error: unknown) => error)
    expect(await failure({})).toBeInstanceOf(UnreachableError)
    expect(await failure({})).toMatchObject({
      message: expect.stringContaining('--bootstrap <host:port>') as string,
    })
    expect(await failure({ mode: 'tls' })).toMatchObject({
      message: expect.stringContaining('--transport tls') as string,
    })
    expect(await failure({ pool: undefined }, `192.0.2.7:7400+${other}`)).toMatchObject({
      message: expect.stringContaining('not the address of the tracker') as string,
    })
  })

  test('finds its key by another node, among those that announce themselves in the pool', async () => {
    const { bootstrap, node: first } = await startLoopbackDht()
    nodes.push(first)
    const elsewhere = `${bootstrap}+${other}`
    const failure = await findTracker(search(elsewhere), nobody).catch((error: unknown) => error)
    expect(failure).toMatchObject({ message: expect.stringContaining(`nobody at ${bootstrap}`) as string })
    for (const own of [seed, new Uint8Array(32).fill(2)]) {
      const node = await createUdpNode({
        seed: own,
        host: '127.0.0.1',
        bootstrap: [bootstrap],
        reachable: true,
      })
      nodes.push(node)
      await node.joined()
      await dhtDiscovery(node.dht).announce(nodesTopic(nodePrimitives, pool))
    }
    expect(await findTracker(search(elsewhere), nobody)).toBe(`${key}@${bootstrap}`)
  })
})
