/** A pool of real processes, its tracker killed with -9: who holds stripes of a prefix is found in the DHT of the providers. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { dhtDiscovery } from '../../src/adapters/udp/dht-discovery.ts'
import type { UdpNode } from '../../src/adapters/udp/udp-node.ts'
import { createUdpNode } from '../../src/adapters/udp/udp-node.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { HomeFolder } from '../../src/apps/node/home-folder.ts'
import { toHex } from '../../src/core/open/bytes.ts'
import { nodesTopic, prefixBits, stripesTopic } from '../../src/core/open/peers/discovery.ts'
import { peerId } from '../../src/core/open/hash.ts'
import { poolIdOf } from '../../src/core/open/objects/identity.ts'
import { hintsOfAddress, parsePeerAddress } from '../../src/core/open/peers/peer-address.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'

interface Peer {
  readonly id: string
  readonly role: string
  readonly address: string
}

const COPIES = 3

let pool: ProcessPool | undefined
let reader: UdpNode | undefined
afterEach(async () => {
  await reader?.close()
  await pool?.close()
})

test('holders are found by prefix without the tracker', async () => {
  pool = await ProcessPool.start({ restart: 'never' })
  fs.writeFileSync(pool.at('file'), createHash('sha256').update('seed').digest())
  expect((await pool.run('put', pool.at('file'), '/home/file')).code).toBe(0)
  const peers = (await pool.run('peers', '--json')).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Peer)
  const providers = peers.filter(({ role }) => role === 'provider')
  expect(providers).toHaveLength(6)
  const idsOf = (some: readonly Peer[]): string[] => some.map((peer) => peer.id).sort()
  const ids = idsOf(providers)

  const { genesis } = await (await HomeFolder.open(pool.home())).config()
  const id = poolIdOf(nodePrimitives, genesis)
  reader = await createUdpNode({
    seed: new Uint8Array(32).fill(1),
    host: '127.0.0.1',
    bootstrap: providers.flatMap(({ address }) => hintsOfAddress(parsePeerAddress(address))),
  })
  const discovery = dhtDiscovery(reader.dht)
  const namesUnder = async (topic: Uint8Array) =>
    (await discovery.lookup(topic)).map((key) => toHex(peerId(nodePrimitives, key))).sort()
  const bits = prefixBits(6)
  const topics = Array.from({ length: 2 ** bits }, (_, prefix) =>
    stripesTopic(nodePrimitives, id, bits, prefix),
  )
  // What is small lies whole at three of the six.
  const topic = await until(async () => {
    for (const topic of topics) if ((await namesUnder(topic)).length === COPIES) return topic
    return undefined
  })
  // Whoever joined last announces last.
  const nodes = nodesTopic(nodePrimitives, id)
  await until(async () => ((await namesUnder(nodes)).length === peers.length ? true : undefined))
  await pool.kill('tracker')
  expect(await namesUnder(topic)).toHaveLength(COPIES)
  // What the tracker announced of itself stays where others keep it until it expires, and goes with it where it alone did.
  const left = await namesUnder(nodes)
  expect(left.filter((name) => ids.includes(name))).toEqual(ids)
  expect(idsOf(peers)).toEqual(expect.arrayContaining(left))
  const others = await Promise.all(topics.map(namesUnder))
  expect(others.some((names) => names.length === 0)).toBe(true)
  for (const name of others.flat()) expect(ids).toContain(name)
})
