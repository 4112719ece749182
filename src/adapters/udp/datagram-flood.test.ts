/** A node of the DHT, in a process of its own, under a flood of datagrams that need no connection; an honest peer works meanwhile. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import HyperDHT from 'hyperdht'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Victim } from './attack.fixture.ts'
import { ask, endTransport, seedOf, startTransport, startVictim } from './attack.fixture.ts'
import { startLoopbackDht } from './loopback-dht.fixture.ts'
import { parseUdpAddress } from './udp-address.ts'
import type { HostPort } from './udp-address.ts'
import type { UdpTransport } from './udp-transport.ts'

const EMPTY = new Uint8Array(0)
const ECHO = 1
const MIB = 1024 * 1024
const COST_LIMIT = 32 * MIB
const DATAGRAMS = 60_000
/** Sent before the loop lets others run. */
const AT_ONCE = 200
/** What a node answers to one address at once (4,000), and what comes back to it in the time of a flood, on a slow machine. */
const MOST_ANSWERS = 4000 + 500 * 30
const topic = Buffer.alloc(32, 0x5a)

let dht: Awaited<ReturnType<typeof startLoopbackDht>>
let victim: Victim
let honest: UdpTransport
let target: HostPort
/** On an address of its own: the limits are for addresses. */
let socket: Socket
let answers = { number: 0, bytes: 0 }

beforeAll(async () => {
  dht = await startLoopbackDht()
  victim = await startVictim(dht.bootstrap)
  target = parseUdpAddress(victim.address).hints[0]!
  honest = await startTransport('honest', dht.bootstrap)
  for (let i = 0; i < 10; i++) await echo()
  // Twenty holders of one prefix, as many as an answer names.
  for (let i = 0; i < 20; i++) {
    const query = honest.node.dht.announce(topic, HyperDHT.keyPair(seedOf(`holder ${i}`)))
    await new Promise<void>((resolve) => query.on('close', resolve).on('data', () => {}))
  }
  socket = createSocket('udp4')
  socket.on('message', (bytes) => {
    answers.number++
    answers.bytes += bytes.length
  })
  socket.bind(0, '127.0.0.2')
  await once(socket, 'listening')
}, 60_000)
beforeEach(() => {
  answers = { number: 0, bytes: 0 }
})
afterAll(async () => {
  socket.close()
  await endTransport(honest)
  await dht.node.close()
  victim.child.disconnect()
})

async function echo(): Promise<void> {
  const connection = await honest.dial(victim.address, victim.id)
  const body = randomBytes(100_000)
  expect(Buffer.compare((await connection.request(ECHO, { head: EMPTY, body })).body, body)).toBe(0)
  await connection.close()
}

/** A request of dht-rpc 6: version, flags, number, the receiver's address, and what the flags name. */
function request(flags: number, command: number, ...rest: Uint8Array[]): Buffer {
  const [a = 0, b = 0, c = 0, d = 0] = target.host.split('.').map(Number)
  const to = [a, b, c, d, target.port & 255, target.port >> 8]
  return Buffer.concat([Buffer.of(3, flags, 7, 0, ...to, command), ...rest])
}
const INTERNAL = 4
const TARGET = 8
const VALUE = 16

interface Flooded {
  readonly sentBytes: number
  readonly echoes: number
  readonly cost: number
}

/** Sends it DATAGRAMS times, while the honest peer goes on; the victim has read all, or lost it, at the end. */
async function flood(datagram: Buffer): Promise<Flooded> {
  const { peak } = await ask(victim.child, 'reset')
  let echoes = 0
  const over = new AbortController()
  const working = (async () => {
    do {
      await echo()
      echoes++
    } while (!over.signal.aborted)
  })()
  for (let i = 0; i < DATAGRAMS; i++) {
    socket.send(datagram, target.port, target.host)
    if (i % AT_ONCE === 0) await ask(victim.child, 'usage')
  }
  over.abort()
  await working
  return {
    sentBytes: datagram.length * DATAGRAMS,
    echoes,
    cost: (await ask(victim.child, 'usage')).peak - peak,
  }
}

it('answers lookups of one address to a bound, so that nobody can have it flood a forged one', async () => {
  const lookup = request(TARGET, 3, topic)
  // What one such answer is, before the flood.
  socket.send(lookup, target.port, target.host)
  await once(socket, 'message')
  const amplification = answers.bytes / lookup.length
  expect(amplification).toBeLessThan(25)
  const { sentBytes, echoes, cost } = await flood(lookup)
  expect(echoes).toBeGreaterThan(0)
  expect(answers.number).toBeLessThan(MOST_ANSWERS)
  // Over the whole flood the lever is gone.
  expect(answers.bytes).toBeLessThan(MOST_ANSWERS * amplification * lookup.length)
  expect(answers.bytes / sentBytes).toBeLessThan((amplification * MOST_ANSWERS) / DATAGRAMS)
  expect(cost).toBeLessThan(COST_LIMIT)
}, 120_000)

it('keeps nothing for answers that are to come later', async () => {
  const delay = Buffer.alloc(4)
  delay.writeUInt32LE(10_000)
  const { echoes, cost } = await flood(request(INTERNAL | VALUE, 4, Buffer.of(4), delay))
  expect(echoes).toBeGreaterThan(0)
  expect(answers.number).toBe(0)
  expect(cost).toBeLessThan(COST_LIMIT)
}, 120_000)

it('reads garbage, and goes on', async () => {
  const { echoes, cost } = await flood(randomBytes(1200))
  expect(echoes).toBeGreaterThan(0)
  expect(answers.number).toBe(0)
  expect(cost).toBeLessThan(COST_LIMIT)
}, 120_000)
