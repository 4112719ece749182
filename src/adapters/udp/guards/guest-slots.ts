/**
 * Bounds the relayed connections that a listener begins for keys which the pool doesn't know: for each it dials a relay, and takes
 * one of its places there, at the word of a datagram whose sender may be forged.
 *
 * Invariants:
 * - A first message takes a slot for UNMET_MS, and the relayed stream that comes of it keeps it until it ends, or its key is admitted.
 * - All together have at most MAX_GUESTS, one address MAX_GUESTS_PER_ADDRESS; keys of the pool need none.
 */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { equalBytes } from '../../../core/open/bytes.ts'
import type { WireClock } from '../../wire/clock.ts'
import { UNMET_MS } from './handshake-gate.ts'

/** Relays have as many places for guests. */
export const MAX_GUESTS = 16
/** A newcomer tries three times at most; two in a household may come at once. */
export const MAX_GUESTS_PER_ADDRESS = 8

interface Slot {
  readonly key: Uint8Array
  readonly address: string
  freeAt: number
}

export class GuestSlots {
  readonly #clock: WireClock
  readonly #admits: (key: Uint8Array) => boolean
  readonly #slots = new Set<Slot>()

  constructor(clock: WireClock, admits: (key: Uint8Array) => boolean) {
    this.#clock = clock
    this.#admits = admits
  }

  /** Whether a relayed connection may be begun for this key. */
  enter(key: Uint8Array, address: string): boolean {
    if (this.#admits(key)) return true
    const now = this.#clock.now()
    for (const slot of this.#slots) if (slot.freeAt <= now || this.#admits(slot.key)) this.#slots.delete(slot)
    const near = [...this.#slots].filter((slot) => slot.address === address)
    if (this.#slots.size >= MAX_GUESTS || near.length >= MAX_GUESTS_PER_ADDRESS) return false
    this.#slots.add({ key: new Uint8Array(key), address, freeAt: now + UNMET_MS })
    return true
  }

  /** A relayed stream of this key began. */
  begin(key: Uint8Array, stream: NoiseSecretStream): void {
    const slot = [...this.#slots].find((other) => equalBytes(other.key, key) && other.freeAt !== Infinity)
    if (slot === undefined) return
    slot.freeAt = Infinity
    stream.on('close', () => this.#slots.delete(slot))
  }
}
