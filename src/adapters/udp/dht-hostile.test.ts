/** What hostile nodes of the DHT achieve against discovery: lost time within bounds, and nothing else. */
import { hash } from 'node:crypto'
import HyperDHT from 'hyperdht'
import type { DhtRequest } from 'hyperdht'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toHex } from '../../core/open/bytes.ts'
import { prefixBits, prefixOf, stripesTopic } from '../../core/open/peers/discovery.ts'
import { peerId } from '../../core/open/hash.ts'
import { stripeId } from '../../core/open/stripes/stripe.ts'
import { AnnouncedStripes } from '../../client/discovery/announced-stripes.ts'
import { findHolders } from '../../client/discovery/find-holders.ts'
import { MAX_FOUND } from '../../ports/discovery.ts'
import { nodePrimitives as primitives } from '../native/node-primitives.ts'
import { dhtDiscovery } from './dht-discovery.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import { createUdpNode } from './udp-node.ts'
import { UdpTransport } from './udp-transport.ts'

const ANNOUNCE = 4
const LOOKUP = 3
const host = '127.0.0.1'
const topic = Buffer.alloc(32, 0xa5)
const seedOf = (name: string) => hash('sha256', name, 'buffer')

let bootstrap: string
let closers: (() => Promise<void>)[] = []
beforeEach(async () => {
  const dht = await startLoopbackDht()
  bootstrap = dht.bootstrap
  closers = [() => dht.node.close()]
})
afterEach(async () => {
  await Promise.all(closers.map((close) => close()))
})

async function join(name: string, admits?: (key: Uint8Array) => boolean) {
  const node = await createUdpNode({
    seed: seedOf(name),
    host,
    bootstrap: [bootstrap],
    reachable: true,
    ...(admits === undefined ? {} : { admits }),
  })
  closers.push(() => node.close())
  await node.joined()
  return { node, dht: node.dht, key: node.publicKey, discovery: dhtDiscovery(node.dht) }
}

/** A node that does as it likes: no guard of ours. */
async function joinHostile(options: { port?: number; host?: string; maxAge?: number } = {}) {
  const { port = 0, ...more } = options
  const dht = new HyperDHT({
    keyPair: HyperDHT.keyPair(seedOf(`hostile ${closers.length}`)),
    host,
    port: [port, port === 0 ? 0 : port + 1],
    anyPort: false,
    bootstrap: [bootstrap],
    firewalled: false,
    ephemeral: false,
    ...more,
  })
  // One whose port is taken has nothing to close.
  await dht.fullyBootstrapped()
  closers.push(() => dht.destroy({ force: true }))
  return dht
}

/** An answer to a lookup that names these keys: a count, then key and no addresses each; no bump. */
const naming = (keys: readonly Uint8Array[]) =>
  Buffer.concat([Buffer.of(keys.length), ...keys.flatMap((key) => [key, Buffer.of(0)]), Buffer.of(0)])

const found = async (reader: { discovery: ReturnType<typeof dhtDiscovery> }) =>
  (await reader.discovery.lookup(topic)).map((key) => toHex(key))

test('nobody announces another key: neither forged, nor copied, nor after it was withdrawn', async () => {
  const seen: { request: DhtRequest; at: number }[] = []
  const [victim, reader] = [await join('victim'), await join('reader')]
  for (let i = 0; i < 3; i++) {
    const spy = await joinHostile()
    const { port } = spy.io.serverSocket.address()
    spy.onrequest = (request) => {
      if (request.command === ANNOUNCE && request.target?.equals(topic) === true)
        seen.push({ request, at: port })
      return HyperDHT.prototype.onrequest.call(spy, request)
    }
  }
  await victim.discovery.announce(topic)
  expect(await found(reader)).toEqual([toHex(victim.key)])
  await victim.discovery.withdraw(topic)
  expect(await found(reader)).toEqual([])
  expect(seen.length).toBeGreaterThan(0)

  // At another address, as attackers are: tokens are for addresses.
  const attacker = await joinHostile({ host: '127.0.0.2' })
  const values = seen.map(({ request }) => request.value!)
  values.push(Buffer.concat([Buffer.of(1 | 4), victim.key, Buffer.of(0), Buffer.alloc(64, 7)]))
  const send = (value: Buffer, token: Buffer | null, to: { host: string; port: number }) =>
    // No answer is what a refused one gets, so nobody waits for it.
    void attacker.request({ command: ANNOUNCE, target: topic, value, token }, to).catch(() => {})
  const all = attacker.toArray({ limit: 100 })
  expect(all.length).toBeGreaterThan(4)
  for (const { request, at } of seen) send(request.value!, request.token, { host, port: at })
  for (const to of all) {
    const question = { command: LOOKUP, target: topic, value: null, token: null }
    const { token } = await attacker.request(question, to)
    expect(token).not.toBeNull()
    for (const value of values) send(value, token, to)
  }
  // Answered after what came before it on the same sockets.
  await Promise.all(all.map((to) => attacker.ping(to)))
  expect(await found(reader)).toEqual([])
})

test('announcements expire where they are stored', async () => {
  const [reader, node] = [await join('reader'), await join('node')]
  const short = await joinHostile({ maxAge: 150 })
  const others = new Set([reader.dht, node.dht])
  // Only the one that forgets soon stores.
  for (const dht of others)
    dht.onrequest = (request) =>
      request.command !== ANNOUNCE && HyperDHT.prototype.onrequest.call(dht, request)
  const stored = vi.spyOn(short, 'onrequest')
  await node.discovery.announce(topic)
  expect(stored.mock.calls.some(([{ command }]) => command === ANNOUNCE)).toBe(true)
  const port = short.io.serverSocket.address().port
  const answers = async () => {
    const names: string[] = []
    const query = reader.dht.lookup(topic)
    query.on('data', ({ from, peers }) => {
      if (from.port === port) names.push(...peers.map(({ publicKey }) => toHex(publicKey)))
    })
    await new Promise((resolve) => query.on('close', () => resolve(undefined)))
    return names
  }
  await vi.waitFor(async () => expect(await answers()).toEqual([]), { timeout: 5_000 })
})

test('who is not admitted is not stored under topics, and nobody stores data', async () => {
  const members = [await join('reader'), await join('other')]
  const keys = new Set(members.map(({ key }) => toHex(key)))
  const nodes = await Promise.all(['a', 'b', 'c'].map((name) => join(name, (key) => keys.has(toHex(key)))))
  const [member] = members
  const stranger = await join('stranger')
  // The other nodes of this DHT have no gate: ask those that have.
  const ports = new Set(nodes.map(({ node }) => node.bound.port))
  await member!.discovery.announce(topic)
  await stranger.discovery.announce(topic)
  const names = new Set<string>()
  const query = members[1]!.dht.lookup(topic)
  query.on('data', ({ from, peers }) => {
    if (ports.has(from.port)) for (const { publicKey } of peers) names.add(toHex(publicKey))
  })
  await new Promise((resolve) => query.on('close', () => resolve(undefined)))
  expect([...names]).toEqual([toHex(member!.key)])
  for (const command of [6, 8, 10]) {
    const to = { host, port: nodes[0]!.node.bound.port }
    const { error } = await stranger.dht.request({ command, target: topic, value: topic, token: null }, to)
    expect(error).not.toBe(0)
  }
})

describe('eclipse', () => {
  const stripe = {
    k: 4,
    n: 6,
    shards: Array.from({ length: 6 }, (_, i) => [primitives.sha256(Uint8Array.of(i)), 1] as const),
  }
  const pool = new Uint8Array(32).fill(8)
  const id = stripeId(primitives, stripe)
  const nothing = new Uint8Array(0)
  const wanted = stripe.shards.map(([shard], index) => [index, shard] as const)

  /** An honest provider: tells which shard it has, and gives it. The first four hold one each. */
  async function provider(i: number) {
    const { node, key, discovery } = await join(`honest ${i}`)
    const transport = new UdpTransport(node, { onFault: () => {} })
    closers.unshift(() => transport.close())
    const holds = i < 4
    const { address } = await transport.listen({
      address: '127.0.0.1:0',
      handler: async ({ head }) => ({
        head: Uint8Array.of(holds && head[0] === i ? 1 : 0),
        body: holds && head[0] === i ? Uint8Array.of(i) : nothing,
      }),
    })
    return { id: peerId(primitives, key), key, address, discovery }
  }

  test('50 identities around a prefix: a read succeeds, at the price of one question to each provider', async () => {
    const honest = await Promise.all(Array.from({ length: 8 }, (_, i) => provider(i)))
    const prefix = stripesTopic(primitives, pool, prefixBits(8), prefixOf(id, prefixBits(8)))
    let lies = 0
    let identities = 0
    for (const port of nearestPorts(prefix, 100)) {
      if (identities === 50) break
      // Another program's port.
      const dht = await joinHostile({ port }).catch(() => undefined)
      if (dht === undefined) continue
      identities++
      dht.onrequest = (request) => {
        // Takes announcements without keeping them; names keys that nobody has, and two providers that hold nothing.
        const isOurs = request.target?.equals(prefix) === true
        if (!isOurs || (request.command !== LOOKUP && request.command !== ANNOUNCE))
          return HyperDHT.prototype.onrequest.call(dht, request)
        const strangers = Array.from({ length: 18 }, (_, i) => seedOf(`stranger ${port} ${i}`))
        const answer = naming([...strangers, honest[6]!.key, honest[7]!.key])
        request.reply(request.command === LOOKUP ? answer : null)
        lies++
        return true
      }
    }
    expect(identities).toBe(50)
    for (const { discovery } of honest.slice(0, 6)) await discovery.announce(prefix)
    const reader = await join('reader')
    const before = reader.dht.stats.requests.total
    const named = await reader.discovery.lookup(prefix)
    const asked = reader.dht.stats.requests.total - before
    // The attack works as far as it can: all of the nodes that the topic belongs to lie.
    expect(lies).toBeGreaterThan(20)
    expect(named.length).toBeLessThanOrEqual(MAX_FOUND)

    const providers = honest.map((one) => one.id)
    const options = { primitives, pool, discovery: reader.discovery, providers: () => providers }
    const transport = new UdpTransport(reader.node, { onFault: () => {} })
    closers.unshift(() => transport.close())
    let questions = 0
    const request = async (to: Uint8Array, index: number) => {
      const { address } = honest.find((one) => toHex(one.id) === toHex(to))!
      const connection = await transport.dial(address, to)
      const answer = await connection.request(1, { head: Uint8Array.of(index), body: nothing })
      await connection.close()
      return answer
    }
    const places = await findHolders({
      finder: new AnnouncedStripes(options),
      id,
      wanted,
      enough: stripe.k,
      ask: async (provider, shards) => {
        questions++
        return Promise.all(shards.map(async (_, index) => (await request(provider, index)).head[0] === 1))
      },
    })
    const read = await Promise.all(
      places.map(async ([index, at]) => [index, (await request(at, index)).body] as const),
    )
    for (const [index, body] of read) expect(primitives.sha256(body)).toEqual(wanted[index]![1])
    expect(new Set(read.map(([index]) => index)).size).toBe(stripe.k)
    // 48 datagrams and 8 questions, though none of those that hold is named.
    expect(asked).toBeLessThan(150)
    expect(questions).toBeLessThanOrEqual(providers.length)
  }, 60_000)
})

/** The ports of loopback whose ids are nearest to a target: an id is the hash of address and port. */
function nearestPorts(target: Uint8Array, count: number): number[] {
  const ports = Array.from({ length: 20_000 }, (_, i) => 40_000 + i)
  const distance = (port: number) => {
    const id = HyperDHT.hash(Buffer.from([127, 0, 0, 1, port & 255, port >> 8]))
    return toHex(id.subarray(0, 8).map((byte, i) => byte ^ target[i]!))
  }
  return ports
    .map((port) => [distance(port), port] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, count)
    .map(([, port]) => port)
}
