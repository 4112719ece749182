/**
 * Whom a listener answers, and what of that it does at a stranger's word: it holds something for each handshake, and dials relays.
 *
 * Invariants:
 * - Only relays of the pool are dialled: those that the dialler names, or one of our choice where it leaves that to us.
 * - Relayed connections of keys that the pool doesn't know have slots of their own.
 */
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { HandshakePayload, HostPort } from 'hyperdht'
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import type { WireClock } from '../../wire/clock.ts'
import { GuestSlots } from './guest-slots.ts'
import { HandshakeGate } from './handshake-gate.ts'
import { wantsAnyRelay } from '../relay/relay-choice.ts'
import type { UdpNode } from '../udp-node.ts'

type ScreeningNode = Pick<UdpNode, 'publicKey' | 'relays' | 'reachableAt' | 'someRelays' | 'admits'>

export class DiallerScreen {
  readonly #node: ScreeningNode
  readonly #gate: HandshakeGate
  readonly #guests: GuestSlots

  constructor(node: ScreeningNode, clock: WireClock) {
    this.#node = node
    this.#gate = new HandshakeGate(clock)
    this.#guests = new GuestSlots(clock, (key) => node.admits(key))
  }

  /** Whether to answer a first message; settles by which relay the connection goes, if by any. */
  lets(key: Uint8Array, payload: HandshakePayload, from: HostPort): boolean {
    const wish = payload.relayThrough
    if (wish !== null && wantsAnyRelay(payload)) {
      const relay = this.#choice()
      if (relay === undefined) return false
      payload.relayThrough = { publicKey: Buffer.from(relay), token: wish.token }
    } else if (wish !== null && !this.#node.relays.some((known) => equalBytes(known, wish.publicKey)))
      payload.relayThrough = null
    if (!this.#gate.enter(toHex(key), from.host)) return false
    return payload.relayThrough === null || this.#guests.enter(key, from.host)
  }

  /** Who is reached without its help is one itself, and needs none. */
  #choice(): Uint8Array | undefined {
    return this.#node.reachableAt === undefined
      ? this.#node.someRelays(this.#node.publicKey, 1)[0]
      : undefined
  }

  /** A stream of what was let in began: it is half-open until `prove` or its end. */
  begin(stream: NoiseSecretStream, isRelayed: boolean): void {
    const key = new Uint8Array(stream.remotePublicKey)
    this.#gate.begin(toHex(key), stream)
    if (isRelayed) this.#guests.begin(key, stream)
  }

  /** The stream's first record came: its key is its owner's. */
  prove(stream: NoiseSecretStream): void {
    this.#gate.prove(toHex(stream.remotePublicKey), stream)
  }

  /** Ends whatever is half-open. */
  clear(): void {
    this.#gate.clear()
  }
}
