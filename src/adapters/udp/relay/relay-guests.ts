/**
 * Who joins from behind a router that takes a port for each peer, and whose tracker is at a home, too: a key that the pool doesn't know yet,
 * and which a relay has to serve for a moment all the same.
 *
 * Invariants:
 * - A guest is relayed to a host alone (the tracker), and only in a pairing for which the host has asked with the same token. So two
 *   strangers get nothing, nor a stranger and a member.
 * - A guest that has no pairing after ALONE_MS goes; so does one that is still unknown after STAY_MS.
 * - Handshakes of strangers have slots of their own, and so have guests: they take no room from whom the relay is for. What is passed on for
 *   them is bounded for each address and for all, as keys cost nothing.
 */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import { BusyError } from '../../../core/open/errors.ts'
import type { WireClock } from '../../wire/clock.ts'
import { MAX_GUESTS, MAX_GUESTS_PER_ADDRESS } from '../guards/guest-slots.ts'
import { HandshakeGate } from '../guards/handshake-gate.ts'
import type { Quota, RelayLimits } from './relay-quota.ts'
import { RelayQuota } from './relay-quota.ts'

/** A slot stands for 70 KB. */
export const HANDSHAKES = { slots: 64, slotsPerAddress: 16 }
/** The time of one attempt to connect, which both sides' requests are part of. */
export const ALONE_MS = 6000
/** Joining takes seconds, unless a person has to admit the newcomer: then he comes again. */
export const STAY_MS = 120_000
/** Of one address: joining takes some 100 KB, and waiting to be admitted 60 KB a minute. */
const ADDRESS_LIMITS: RelayLimits = {
  connections: MAX_GUESTS_PER_ADDRESS,
  bytesPerSecond: 64_000,
  bytesPerDay: 128_000_000,
}
const ALL_LIMITS: RelayLimits = {
  connections: MAX_GUESTS,
  bytesPerSecond: 256_000,
  bytesPerDay: 2_000_000_000,
}
const ALL = 'all'

/** What one address, and all, have passed on for newcomers. */
class GuestQuota implements Quota {
  readonly #perAddress: RelayQuota
  readonly #all: RelayQuota

  constructor(clock: WireClock) {
    this.#perAddress = new RelayQuota(ADDRESS_LIMITS, clock, 'newcomers of one address')
    this.#all = new RelayQuota(ALL_LIMITS, clock, 'all newcomers together')
  }

  refusal(address: string): BusyError | undefined {
    return this.#perAddress.refusal(address) ?? this.#all.refusal(ALL)
  }

  open(address: string): BusyError | undefined {
    const refusal = this.#perAddress.open(address)
    if (refusal !== undefined) return refusal
    const other = this.#all.open(ALL)
    if (other !== undefined) this.#perAddress.close(address)
    return other
  }

  close(address: string): void {
    this.#perAddress.close(address)
    this.#all.close(ALL)
  }

  spend(address: string, bytes: number): void {
    this.#perAddress.spend(address, bytes)
    this.#all.spend(ALL, bytes)
  }

  sweep(): void {
    this.#perAddress.sweep()
    this.#all.sweep()
  }
}

interface Guest {
  /** As it sends from, which a control stream has shown to be true. */
  readonly address: string
  readonly since: number
  isPaired: boolean
}

export class RelayGuests {
  readonly quota: Quota
  readonly #clock: WireClock
  readonly #gate: HandshakeGate
  /** By control stream. */
  readonly #guests = new Map<NoiseSecretStream, Guest>()

  constructor(clock: WireClock) {
    this.#clock = clock
    this.#gate = new HandshakeGate(clock, HANDSHAKES)
    this.quota = new GuestQuota(clock)
  }

  /** Control streams whose keys are proven, and which have been let in. */
  get size(): number {
    return this.#guests.size
  }

  /** Whether a first message from this key (hex) and address may be answered. */
  enter(key: string, address: string): boolean {
    return this.#gate.enter(key, address)
  }

  /** A control stream began: it is half-open until `arrive` or its end. */
  begin(key: string, stream: NoiseSecretStream): void {
    this.#gate.begin(key, stream)
  }

  /** The control stream's key is its owner's: it is let in, or there is a reason against it. */
  arrive(key: string, stream: NoiseSecretStream): BusyError | undefined {
    this.#gate.prove(key, stream)
    const address = stream.rawStream?.remoteHost ?? ''
    const near = [...this.#guests.values()].filter((guest) => guest.address === address)
    if (this.#guests.size >= MAX_GUESTS || near.length >= MAX_GUESTS_PER_ADDRESS)
      return new BusyError('this relay has as many newcomers as it takes; again in a moment', {
        relayQuota: 'newcomers',
      })
    const refusal = this.quota.refusal(address)
    if (refusal !== undefined) return refusal
    this.#guests.set(stream, { address, since: this.#clock.now(), isPaired: false })
    stream.on('close', () => this.leave(stream))
    return undefined
  }

  has(stream: NoiseSecretStream): boolean {
    return this.#guests.has(stream)
  }

  /** It is none any more: the pool has admitted its key, or it has gone. */
  leave(stream: NoiseSecretStream): void {
    this.#guests.delete(stream)
  }

  /** A host has asked for the guest; the address that pays for it. */
  pair(stream: NoiseSecretStream): string | undefined {
    const guest = this.#guests.get(stream)
    if (guest !== undefined) guest.isPaired = true
    return guest?.address
  }

  /** Why a guest has to go now. */
  refusal(stream: NoiseSecretStream): BusyError | undefined {
    const guest = this.#guests.get(stream)
    if (guest === undefined) return undefined
    const ms = this.#clock.now() - guest.since
    if (!guest.isPaired && ms >= ALONE_MS)
      return new BusyError('nobody has asked this relay for this newcomer', { relayQuota: 'newcomers' })
    if (ms >= STAY_MS)
      return new BusyError(`a relay has newcomers for ${STAY_MS / 1000} s at a time`, {
        relayQuota: 'newcomers',
      })
    return this.quota.refusal(guest.address)
  }

  clear(): void {
    this.#gate.clear()
  }
}
