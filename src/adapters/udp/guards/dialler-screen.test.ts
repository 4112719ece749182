import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { HandshakePayload } from 'hyperdht'
import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { ManualClock } from '../../wire/manual-clock.ts'
import { DiallerScreen } from './dialler-screen.ts'
import { MAX_GUESTS, MAX_GUESTS_PER_ADDRESS } from './guest-slots.ts'
import { UNMET_MS } from './handshake-gate.ts'

const keyOf = (n: number): Buffer => Buffer.alloc(32, n)
const TOKEN = Buffer.alloc(32, 0xff)
const ANY = Buffer.alloc(32)
const through = (publicKey: Buffer): HandshakePayload => ({ relayThrough: { publicKey, token: TOKEN } })
const from = (n: number) => ({ host: `192.0.2.${n}`, port: 1 })

let clock: ManualClock
let relays: Buffer[]
let admitted: Set<string>
let reachableAt: { host: string; port: number } | undefined
let screen: DiallerScreen
beforeEach(() => {
  clock = new ManualClock()
  relays = [keyOf(200), keyOf(201)]
  admitted = new Set([toHex(keyOf(100))])
  reachableAt = undefined
  const node = {
    publicKey: keyOf(250),
    get relays() {
      return relays
    },
    get reachableAt() {
      return reachableAt
    },
    someRelays: () => relays,
    admits: (key: Uint8Array) => admitted.has(toHex(key)),
  }
  screen = new DiallerScreen(node, clock)
})

/** Which relay a first message is answered with; null for none, undefined where it isn't answered. */
function relayFor(key: number, payload: HandshakePayload, address = key): Buffer | null | undefined {
  if (!screen.lets(keyOf(key), payload, from(address))) return undefined
  return payload.relayThrough?.publicKey ?? null
}

function streamOf(key: number): NoiseSecretStream {
  const stream = Object.assign(new EventEmitter(), { remotePublicKey: keyOf(key), destroy() {} })
  return stream as unknown as NoiseSecretStream
}

describe('a listener', () => {
  it('goes through relays of the pool alone', () => {
    expect(relayFor(1, { relayThrough: null })).toBeNull()
    expect(relayFor(1, through(keyOf(201)))).toEqual(keyOf(201))
    expect(relayFor(1, through(keyOf(9)))).toBeNull()
  })

  it('names one to who leaves that to it, for the same pairing, as long as it knows one and needs it', () => {
    const payload = through(ANY)
    expect(relayFor(1, payload)).toEqual(keyOf(200))
    expect(equalBytes(payload.relayThrough!.token, TOKEN)).toBe(true)
    reachableAt = from(250)
    expect(relayFor(1, through(ANY))).toBeUndefined()
    reachableAt = undefined
    relays = []
    expect(relayFor(1, through(ANY))).toBeUndefined()
  })

  it('dials relays for few strangers, of one address fewer, and for as many of the pool as come', () => {
    const taken = (keys: readonly number[], address?: number): number =>
      keys.filter((key) => relayFor(key, through(ANY), address) !== undefined).length
    const range = (first: number, length: number): number[] => Array.from({ length }, (_, i) => first + i)
    expect(taken(range(1, 20), 1)).toBe(MAX_GUESTS_PER_ADDRESS)
    expect(taken(range(21, 40))).toBe(MAX_GUESTS - MAX_GUESTS_PER_ADDRESS)
    expect(taken(Array.from({ length: 20 }, () => 100))).toBe(20)
    // Without a relay it costs what every first message does.
    expect(relayFor(90, { relayThrough: null })).toBeNull()
    clock.advance(UNMET_MS)
    expect(taken(range(1, 20), 1)).toBe(MAX_GUESTS_PER_ADDRESS)
  })

  it('counts a stranger as long as its stream lives, and no longer than until the pool has admitted it', () => {
    const keys = Array.from({ length: MAX_GUESTS_PER_ADDRESS }, (_, i) => i + 1)
    const streams = keys.map((key) => {
      expect(relayFor(key, through(ANY), 1)).toEqual(keyOf(200))
      const stream = streamOf(key)
      screen.begin(stream, true)
      screen.prove(stream)
      return stream
    })
    clock.advance(10 * UNMET_MS)
    expect(relayFor(50, through(ANY), 1)).toBeUndefined()
    streams[0]!.emit('close')
    admitted.add(toHex(keyOf(2)))
    expect([50, 51, 52].map((key) => relayFor(key, through(ANY), 1) !== undefined)).toEqual([
      true,
      true,
      false,
    ])
  })
})
