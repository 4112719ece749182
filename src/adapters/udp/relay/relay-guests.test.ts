/** Strangers at a relay: who is relayed to whom, and what it costs. */
import * as blindRelay from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import HyperDHT from 'hyperdht'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toHex } from '../../../core/open/bytes.ts'
import { sha256PeerId } from '../../wire/peer-id.ts'
import { MAX_GUESTS_PER_ADDRESS } from '../guards/guest-slots.ts'
import { ALONE_MS, HANDSHAKES, STAY_MS } from './relay-guests.ts'
import type { Asker, RawStream } from './relay-yard.fixture.ts'
import { RelayYard, connect, eventually, seedOf, send } from './relay-yard.fixture.ts'
import type { RelayServer } from './relay-server.ts'

const LOOK_MS = 1000
/** More than what newcomers of one address have at once. */
const TOO_MUCH = 5_000_000

const keyOf = (name: string): Buffer => HyperDHT.keyPair(seedOf(name)).publicKey
const gone = (...streams: readonly RawStream[]): Promise<unknown> =>
  Promise.all(streams.map((stream) => stream.destroyed || once(stream, 'close')))

let yard: RelayYard
let relay: RelayServer
let admitted: Set<string>
let host: Asker
beforeEach(async () => {
  yard = await RelayYard.open()
  admitted = new Set(['member', 'friend'].map((name) => toHex(keyOf(name))))
  relay = await yard.relayWith({
    admit: (key) => admitted.has(toHex(key)),
    host: sha256PeerId(keyOf('host')),
  })
  const askers = await yard.askers(relay, 'host')
  host = askers[0]
})
afterEach(() => yard.close())

/** Streams of so many fresh keys to the relay, each of which asks for a pairing that nobody else asks for. */
function flood({ node }: Asker, keys: number): NoiseSecretStream[] {
  return Array.from({ length: keys }, (_, i) => {
    const keyPair = HyperDHT.keyPair(seedOf(`stranger ${i}`))
    const stream = node.dht.connect(Buffer.from(relay.publicKey), { keyPair })
    stream.on('error', () => stream.destroy())
    const raw = node.dht.createRawStream() as RawStream
    raw.on('error', () => raw.destroy())
    stream.on('close', () => raw.destroy())
    blindRelay.Client.from(stream, { id: keyPair.publicKey })
      .pair(true, blindRelay.token(), raw)
      .on('error', () => raw.destroy())
      .on('data', () => {})
    return stream
  })
}

describe('a relay with a host', () => {
  it('relays a newcomer to the host that asks for it, and to nobody else', async () => {
    const [newcomer, other, member, friend] = await yard.askers(relay, 'new', 'other', 'member', 'friend')
    const [near, far] = (await connect(newcomer, host))!
    await send(near, far, 10_000)
    await send(far, near, 10_000)
    expect(await connect(newcomer, member)).toBeUndefined()
    expect(await connect(member, newcomer)).toBeUndefined()
    expect(await connect(newcomer, other)).toBeUndefined()
    await eventually(() =>
      expect(newcomer.refusals.map(({ code }) => code)).toEqual(['denied', 'denied', 'denied']),
    )
    expect([near.destroyed, ...member.refusals, ...host.refusals]).toEqual([false])
    expect(await connect(member, friend)).toBeDefined()
    expect(await connect(member, host)).toBeDefined()
  })

  it('ends a newcomer for whom nobody asks', async () => {
    const [newcomer] = await yard.askers(relay, 'new')
    const asked = newcomer.ask(true, blindRelay.token())
    await eventually(() => expect(relay.usage.guests).toBe(1))
    yard.clock.advance(ALONE_MS - LOOK_MS)
    expect(relay.usage.guests).toBe(1)
    yard.clock.advance(LOOK_MS)
    await eventually(() =>
      expect(newcomer.refusals).toMatchObject([{ code: 'busy', facts: { relayQuota: 'newcomers' } }]),
    )
    expect(await asked).toBeUndefined()
    await eventually(() => expect(relay.usage).toEqual({ sessions: 0, guests: 0, connections: 0, links: 0 }))
  })

  it('ends a newcomer that asks for many pairings', async () => {
    const [newcomer] = await yard.askers(relay, 'new')
    const control = newcomer.control()
    const client = blindRelay.Client.from(control, { id: control.publicKey })
    const raw = newcomer.node.dht.createRawStream() as RawStream
    for (let i = 0; i < 200; i++)
      client
        .pair(true, blindRelay.token(), raw)
        .on('error', () => {})
        .on('data', () => {})
    await eventually(() => expect(relay.usage.guests).toBe(1))
    await eventually(() => {
      // Slowly: it would be sent away for having no pairing, too.
      yard.clock.advance(LOOK_MS / 20)
      expect(control.destroyed).toBe(true)
    })
    expect(newcomer.refusals).toEqual([])
    raw.destroy()
  })

  it('ends a newcomer that moves too much, and all of its address; the host and members are not charged', async () => {
    const [newcomer, other, member] = await yard.askers(relay, 'new', 'other', 'member')
    const pair = (await connect(newcomer, host))!
    await send(...pair, TOO_MUCH)
    yard.clock.advance(LOOK_MS)
    await gone(...pair)
    expect(newcomer.refusals).toMatchObject([{ code: 'busy', facts: { relayQuota: 'rate' } }])
    expect(await connect(other, host)).toBeUndefined()
    expect([await connect(member, host), host.refusals]).toEqual([expect.anything(), []])
    for (let i = 0; i < 30; i++) yard.clock.advance(LOOK_MS)
    expect(await connect(other, host)).toBeDefined()
  })

  it('ends a newcomer that stays, which may come again', async () => {
    const [newcomer] = await yard.askers(relay, 'new')
    const pair = (await connect(newcomer, host))!
    yard.clock.advance(STAY_MS - LOOK_MS)
    await send(...pair, 1000)
    yard.clock.advance(LOOK_MS)
    await gone(...pair)
    expect(newcomer.refusals).toMatchObject([{ code: 'busy', facts: { relayQuota: 'newcomers' } }])
    expect(await connect(newcomer, host)).toBeDefined()
  })

  it('has one that the pool admits meanwhile go on as what it is by then', async () => {
    const [newcomer, member] = await yard.askers(relay, 'new', 'member')
    const pair = (await connect(newcomer, host))!
    admitted.add(toHex(keyOf('new')))
    yard.clock.advance(LOOK_MS)
    await send(...pair, TOO_MUCH)
    yard.clock.advance(STAY_MS)
    await send(...pair, 1000)
    expect(await connect(newcomer, member)).toBeDefined()
    expect(newcomer.refusals).toEqual([])
  })

  it('lets few strangers in from one address, who keep out neither newcomers elsewhere nor members', async () => {
    const [strangers, member] = await yard.askers(relay, 'strangers', 'member')
    let answered = 0
    const streams = flood(strangers, 40)
    for (const { opened } of streams) void opened.then((isOpen) => (answered += Number(isOpen)))
    await eventually(() => expect(answered).toBe(HANDSHAKES.slotsPerAddress))
    await eventually(() => expect(relay.usage.guests).toBe(MAX_GUESTS_PER_ADDRESS))
    expect(await connect(member, host)).toBeDefined()
    const elsewhere = await yard.asker(relay, 'elsewhere', '127.0.0.2')
    expect(await connect(elsewhere, host)).toBeDefined()
    yard.clock.advance(ALONE_MS + LOOK_MS)
    await eventually(() => expect(relay.usage).toEqual({ sessions: 4, guests: 1, connections: 2, links: 4 }))
    expect(answered).toBe(HANDSHAKES.slotsPerAddress)
    for (const stream of streams) stream.destroy()
  })
})
