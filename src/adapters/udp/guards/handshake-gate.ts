/**
 * Bounds what strangers can make a listener hold before their key is proven to be theirs now.
 *
 * A handshake is one datagram in each direction. The first carries the dialler's key, authenticated but perhaps recorded and sent
 * again; so it counts as *half-open* until a record of the encrypted stream arrives that only the key's owner can make.
 *
 * Invariants:
 * - A first message occupies a slot for SLOT_MS, and while no stream came of it, for as long as the DHT keeps its state. One
 *   address has at most MAX_SLOTS_PER_ADDRESS, all together MAX_SLOTS, or what the gate is given; what exceeds them is dropped without an answer. UDP
 *   sources can be forged, so a flood may fill all: keys that have proven themselves before have slots of their own, MAX_PROVEN_SLOTS
 *   together, as anybody may have proven many keys. A slot stands for 70 KB, which the DHT's streams take from their beginning.
 * - At most MAX_HALF_OPEN streams wait for their first record; one more ends the oldest.
 */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { WireClock } from '../../wire/clock.ts'

/** How long the DHT keeps what it needs to answer a repeated first message; its repeats come within 4 s. */
export const SLOT_MS = 4000
/** After this a handshake without a stream has been given up by the DHT: 10 s of punching and 4 s of memory, 15 s of relaying. */
export const UNMET_MS = 15_000
export const MAX_SLOTS = 512
export const MAX_SLOTS_PER_ADDRESS = 64
/** One proven key's slots: a transport may have 8 connections to one peer, and dials each directly and through three relays. */
export const MAX_SLOTS_PER_KEY = 32
/** Where those are taken, proven keys are like others. */
export const MAX_PROVEN_SLOTS = 256
/** Proven keys that are remembered; the one unseen for longest is forgotten first. */
const MAX_PROVEN = 1024
export const MAX_HALF_OPEN = 256
/** From the stream's start to the first record: one round trip with losses. */
export const FIRST_RECORD_MS = 5000

interface Slot {
  readonly key: string
  readonly address: string
  /** Of those for proven keys. */
  readonly proven: boolean
  freeAt: number
}

/** Of keys that haven't proven themselves before. */
export interface HandshakeLimits {
  readonly slots: number
  readonly slotsPerAddress: number
}

export class HandshakeGate {
  readonly #clock: WireClock
  readonly #limits: HandshakeLimits
  /** In order of arrival. */
  readonly #slots = new Set<Slot>()
  readonly #counts = new Map<string, number>()
  readonly #proven = new Set<string>()
  readonly #halfOpen = new Map<NoiseSecretStream, () => void>()
  #strangers = 0
  #provenSlots = 0

  constructor(
    clock: WireClock,
    limits: HandshakeLimits = { slots: MAX_SLOTS, slotsPerAddress: MAX_SLOTS_PER_ADDRESS },
  ) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Streams that wait for their first record. */
  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /** Whether a first message from this key (hex) and address may be answered. */
  enter(key: string, address: string): boolean {
    this.#expire()
    const isProven = this.#proven.has(key) && this.#provenSlots < MAX_PROVEN_SLOTS
    if (isProven && this.#take(key, address, true)) return true
    return this.#strangers < this.#limits.slots && this.#take(key, address, false)
  }

  #take(key: string, address: string, proven: boolean): boolean {
    const group = groupOf({ key, address, proven })
    const count = this.#counts.get(group) ?? 0
    if (count >= (proven ? MAX_SLOTS_PER_KEY : this.#limits.slotsPerAddress)) return false
    this.#counts.set(group, count + 1)
    if (proven) this.#provenSlots++
    else this.#strangers++
    this.#slots.add({ key, address, proven, freeAt: this.#clock.now() + UNMET_MS })
    return true
  }

  /** A stream of this key began: it is half-open until `prove` or its end. */
  begin(key: string, stream: NoiseSecretStream): void {
    const met = this.#clock.now() + SLOT_MS
    for (const slot of this.#slots) {
      if (slot.key !== key || slot.freeAt <= met) continue
      slot.freeAt = met
      break
    }
    if (this.#halfOpen.size >= MAX_HALF_OPEN) this.#halfOpen.keys().next().value?.destroy()
    const cancel = this.#clock.after(FIRST_RECORD_MS, () => stream.destroy())
    this.#halfOpen.set(stream, cancel)
    stream.on('close', () => this.#leave(stream))
  }

  /** The stream's first record came: its key is its owner's. */
  prove(key: string, stream: NoiseSecretStream): void {
    this.#leave(stream)
    this.#proven.delete(key)
    this.#proven.add(key)
    if (this.#proven.size > MAX_PROVEN) this.#proven.delete(this.#proven.values().next().value!)
  }

  /** Ends whatever is half-open. */
  clear(): void {
    for (const stream of this.#halfOpen.keys()) stream.destroy()
  }

  #leave(stream: NoiseSecretStream): void {
    this.#halfOpen.get(stream)?.()
    this.#halfOpen.delete(stream)
  }

  #expire(): void {
    const now = this.#clock.now()
    for (const slot of this.#slots) {
      if (slot.freeAt > now) continue
      this.#slots.delete(slot)
      const group = groupOf(slot)
      const count = (this.#counts.get(group) ?? 1) - 1
      if (count === 0) this.#counts.delete(group)
      else this.#counts.set(group, count)
      if (slot.proven) this.#provenSlots--
      else this.#strangers--
    }
  }
}

/** What its slots are counted by. */
function groupOf({ key, address, proven }: Pick<Slot, 'key' | 'address' | 'proven'>): string {
  return proven ? key : address
}
