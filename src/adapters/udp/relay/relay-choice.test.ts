import HyperDHT from 'hyperdht'
import type { HandshakePayload } from 'hyperdht'
import { expect, it } from 'vitest'
import { AnyRelay, listenerHandshake, wantsAnyRelay } from './relay-choice.ts'

const keysOf = (fill: number) => HyperDHT.keyPair(new Uint8Array(32).fill(fill))
const RELAY = keysOf(3).publicKey
const TOKEN = Buffer.alloc(32, 4)
/** What the library says in either message beside it. */
const PLAIN = {
  error: 0,
  firewall: 0,
  holepunch: null,
  addresses4: [],
  addresses6: [],
  udx: { reusableSocket: false, id: 1, seq: 0 },
  secretStream: {},
  relayThrough: null,
  relayAddresses: null,
} satisfies HandshakePayload & Record<string, unknown>

const sides = () => {
  const listener = keysOf(1)
  const choice = new AnyRelay()
  const { relayThrough, createHandshake } = choice.next()
  return {
    choice,
    relayThrough,
    dialler: createHandshake(keysOf(2), listener.publicKey),
    listener: listenerHandshake(listener, null),
  }
}

it('has the listener name the relay, which the dialler takes for its own choice', () => {
  const { dialler, listener, relayThrough, choice } = sides()
  expect(() => choice.next()).toThrow('does not answer')
  const wish = { publicKey: relayThrough, token: TOKEN }
  const payload = listener.recv(dialler.send({ ...PLAIN, relayThrough: wish }))
  expect(wantsAnyRelay(payload)).toBe(true)
  payload.relayThrough = { publicKey: RELAY, token: payload.relayThrough!.token }
  const answer = dialler.recv(listener.send({ ...PLAIN }))
  expect(answer.relayThrough).toBeNull()
  expect(relayThrough).toEqual(RELAY)
  expect(choice.next().relayThrough).not.toEqual(RELAY)
})

it('leaves a dialler that names a relay itself, or none, as it is', () => {
  for (const relayThrough of [null, { publicKey: RELAY, token: TOKEN }]) {
    const { dialler, listener } = sides()
    const payload = listener.recv(dialler.send({ ...PLAIN, relayThrough }))
    expect(wantsAnyRelay(payload)).toBe(false)
    expect(payload.relayThrough?.publicKey).toEqual(relayThrough?.publicKey)
    expect(() => dialler.recv(listener.send({ ...PLAIN }))).toThrow('names no relay')
  }
})
