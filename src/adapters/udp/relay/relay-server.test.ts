import * as blindRelay from 'blind-relay'
import HyperDHT from 'hyperdht'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { equalBytes } from '../../../core/open/bytes.ts'
import { parseTimetable } from '../../../core/open/limits/timetable.ts'
import { LineLimits } from '../../wire/line-limits.ts'
import { RelayYard, connect, eventually, seedOf, send } from './relay-yard.fixture.ts'

const LOOK_MS = 1000

let yard: RelayYard
beforeEach(async () => {
  yard = await RelayYard.open()
})
afterEach(() => yard.close())

describe('a relay', () => {
  it('ends what a key has passed on too much of, says why, and serves it again later; others go on', async () => {
    const relay = await yard.relayWith({ limits: { bytesPerSecond: 10_000 } })
    const [hog, friend, other] = await yard.askers(relay, 'hog', 'friend', 'other')
    const pair = (await connect(hog, friend))!
    await send(...pair, 700_000)
    yard.clock.advance(LOOK_MS)
    await Promise.all(pair.map((stream) => stream.destroyed || once(stream, 'close')))
    expect(hog.refusals[0]).toMatchObject({ code: 'busy', facts: { relayQuota: 'rate' } })

    expect(await hog.ask(true, blindRelay.token())).toBeUndefined()
    expect(hog.refusals.length).toBe(2)
    const [fourth] = await yard.askers(relay, 'fourth')
    const [near, far] = (await connect(other, fourth))!
    await send(near, far, 50_000)
    expect([near.destroyed, other.refusals]).toEqual([false, []])
    near.destroy()
    far.destroy()

    for (let i = 0; i < 30; i++) yard.clock.advance(LOOK_MS)
    await eventually(() => expect(relay.usage.connections).toBe(0))
    expect(await connect(hog, friend)).toBeDefined()
  })

  it('keeps to the limits of its line: the busiest connection ends, none is made until that is made up for', async () => {
    const limit = parseTimetable('64KiB/s')
    const line = new LineLimits({ up: limit, down: limit, clock: yard.clock })
    const relay = await yard.relayWith({ line })
    const [hog, friend, other, fourth] = await yard.askers(relay, 'hog', 'friend', 'other', 'fourth')
    const calm = (await connect(other, fourth))!
    const pair = (await connect(hog, friend))!
    await send(...pair, 800_000)
    await send(...calm, 20_000)
    yard.clock.advance(LOOK_MS)
    await Promise.all(pair.map((stream) => stream.destroyed || once(stream, 'close')))
    await eventually(() => expect(hog.refusals[0]).toMatchObject({ facts: { relayQuota: 'line' } }))
    expect([calm[0].destroyed, other.refusals]).toEqual([false, []])
    // What it moves itself waits for that, too.
    expect(line.held).toEqual({ up: true, down: true })
    expect(await connect(hog, friend)).toBeUndefined()
    for (let i = 0; i < 10; i++) yard.clock.advance(LOOK_MS)
    expect(await connect(hog, friend)).toBeDefined()
  })

  it('counts what is passed on for both ends, whichever sends', async () => {
    const relay = await yard.relayWith({ limits: { bytesPerDay: 300_000 } })
    const [listener, ...callers] = await yard.askers(relay, 'listener', 'first', 'second')
    for (const caller of callers) {
      const [near, far] = (await connect(caller, listener))!
      await send(near, far, 200_000)
    }
    yard.clock.advance(LOOK_MS)
    await eventually(() => expect(listener.refusals[0]).toMatchObject({ facts: { relayQuota: 'day' } }))
    expect(callers.flatMap(({ refusals }) => refusals)).toEqual([])
  })

  it('holds a number of connections for a key, and leaves nothing of those that it refuses', async () => {
    const relay = await yard.relayWith({ limits: { connections: 2 } })
    const [many, friend] = await yard.askers(relay, 'many', 'friend')
    const held = [await connect(many, friend), await connect(many, friend)]
    const third = await connect(many, friend)
    expect([held[0], held[1], third].map((pair) => pair !== undefined)).toEqual([true, true, false])
    await eventually(() => expect(many.refusals[0]).toMatchObject({ facts: { relayQuota: 'connections' } }))
    for (const pair of held) for (const stream of pair!) stream.destroy()
    await many.node.close()
    await friend.node.close()
    await eventually(() => expect(relay.usage).toEqual({ sessions: 0, guests: 0, connections: 0, links: 0 }))
  }, 30_000)

  it('serves nobody whom the pool has not admitted', async () => {
    const friend = HyperDHT.keyPair(seedOf('friend')).publicKey
    const relay = await yard.relayWith({ admit: (key) => equalBytes(key, friend) })
    const [stranger, known] = await yard.askers(relay, 'stranger', 'friend')
    const isOpen = stranger.control().opened
    expect(await known.control().opened).toBe(true)
    expect(relay.usage.sessions).toBe(1)
    expect(await Promise.race([isOpen, Promise.resolve('not yet')])).toBe('not yet')
  })
})
