import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../wire/manual-clock.ts'
import {
  FIRST_RECORD_MS,
  HandshakeGate,
  MAX_HALF_OPEN,
  MAX_PROVEN_SLOTS,
  MAX_SLOTS,
  MAX_SLOTS_PER_ADDRESS,
  MAX_SLOTS_PER_KEY,
  SLOT_MS,
} from './handshake-gate.ts'

let clock: ManualClock
let gate: HandshakeGate
beforeEach(() => {
  clock = new ManualClock()
  gate = new HandshakeGate(clock)
})

class FakeStream extends EventEmitter {
  destroyed = false

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

/** A handshake that ends well: the key has proven itself. */
function prove(key: string): void {
  const stream = streamOf()
  gate.begin(key, stream)
  gate.prove(key, stream)
}

const streamOf = (): NoiseSecretStream => new FakeStream() as unknown as NoiseSecretStream

/** How many of so many first messages are answered. */
function answered(number: number, from: (i: number) => readonly [key: string, address: string]): number {
  return Array.from({ length: number }, (_, i) => gate.enter(...from(i))).filter(Boolean).length
}

describe('first messages', () => {
  it('of one address, and of all, are answered to a bound, until their slots are free again', () => {
    expect(answered(1000, (i) => [`key ${i}`, 'here'])).toBe(MAX_SLOTS_PER_ADDRESS)
    expect(answered(1000, (i) => [`key ${i}`, `address ${i}`])).toBe(MAX_SLOTS - MAX_SLOTS_PER_ADDRESS)
    clock.advance(15_000)
    expect(gate.enter('key', 'here')).toBe(true)
  })

  it('of keys that are known have slots of their own', () => {
    prove('friend')
    answered(1000, (i) => [`key ${i}`, `address ${i}`])
    expect(answered(1000, () => ['friend', 'there'])).toBe(MAX_SLOTS_PER_KEY)
  })

  it('of many known keys take no more than those, and no more of the others than an address may', () => {
    for (let i = 0; i < 1000; i++) prove(`key ${i}`)
    const own = answered(100_000, (i) => [`key ${i % 1000}`, 'here'])
    expect(own).toBe(MAX_PROVEN_SLOTS + MAX_SLOTS_PER_ADDRESS)
    expect(gate.enter('stranger', 'there')).toBe(true)
    clock.advance(15_000)
    expect(answered(100, () => ['key 1', 'here'])).toBe(MAX_SLOTS_PER_KEY + MAX_SLOTS_PER_ADDRESS)
  })

  it('free their slots soon where a stream came of them', () => {
    answered(MAX_SLOTS_PER_ADDRESS, () => ['key', 'here'])
    gate.begin('key', streamOf())
    clock.advance(SLOT_MS)
    expect(answered(2, () => ['key', 'here'])).toBe(1)
  })
})

describe('streams', () => {
  it('end when no record comes, and the oldest when there are too many', () => {
    const streams = Array.from({ length: MAX_HALF_OPEN + 1 }, () => streamOf())
    for (const stream of streams) gate.begin('key', stream)
    expect(gate.halfOpen).toBe(MAX_HALF_OPEN)
    expect(streams.map(({ destroyed }) => destroyed).indexOf(false)).toBe(1)
    clock.advance(FIRST_RECORD_MS)
    expect(gate.halfOpen).toBe(0)
    expect(clock.timers).toBe(0)
  })
})
