/**
 * How a dialler that knows no relay gets one: it names none, and the listener names one in its answer.
 *
 * A first message that wants this has ANY_RELAY in the place of the relay's key, and the token of the pairing as any. The answer has the same
 * token and the key of the relay that the listener has asked by then. The library has words for relays in both messages, and would take one in
 * an answer for a pairing of the listener's own; so the dialler's side puts it where the library looks for its own choice.
 */
import type { HandshakePayload, KeyPair, MakeHandshake } from 'hyperdht'
import NoiseWrap from 'hyperdht/lib/noise-wrap.js'
import { UnreachableError } from '../../../core/open/errors.ts'

const KEY_BYTES = 32
const ANY_RELAY = Buffer.alloc(KEY_BYTES)

/** Whether the dialler wants the listener to name a relay. */
export function wantsAnyRelay({ relayThrough }: HandshakePayload): boolean {
  return relayThrough !== null && ANY_RELAY.equals(relayThrough.publicKey)
}

/** The listener's side: what its firewall puts in the place of ANY_RELAY goes into the answer. */
class ListenerHandshake extends NoiseWrap {
  #asked: HandshakePayload | undefined

  override recv(noise: Buffer): HandshakePayload {
    const payload = super.recv(noise)
    if (wantsAnyRelay(payload)) this.#asked = payload
    return payload
  }

  override send(payload: HandshakePayload): Buffer {
    if (this.#asked === undefined) return super.send(payload)
    return super.send({ ...payload, relayThrough: this.#asked.relayThrough })
  }
}

/** The dialler's side, of one attempt. */
class DiallerHandshake extends NoiseWrap {
  readonly #relay: Buffer

  constructor(keyPair: KeyPair, remotePublicKey: Buffer | null, relay: Buffer) {
    super(keyPair, remotePublicKey)
    this.#relay = relay
  }

  override recv(noise: Buffer): HandshakePayload {
    const payload = super.recv(noise)
    const named = payload.relayThrough
    if (named === null) throw new UnreachableError('the peer names no relay')
    this.#relay.set(named.publicKey)
    return { ...payload, relayThrough: null }
  }
}

export const listenerHandshake: MakeHandshake = (keyPair, remotePublicKey) =>
  new ListenerHandshake(keyPair, remotePublicKey)

/** How one attempt is made; `relayThrough` holds the relay's key once the listener has answered. */
interface ByAnyRelay {
  readonly relayThrough: Buffer
  readonly createHandshake: MakeHandshake
}

/** The attempts of one dial by relays that the listener names. */
export class AnyRelay {
  #last: Buffer | undefined

  /** Throws UnreachableError where the attempt before has no answer yet: another relay doesn't help who isn't there. */
  next(): ByAnyRelay {
    if (this.#last !== undefined && ANY_RELAY.equals(this.#last))
      throw new UnreachableError('the peer does not answer')
    const relayThrough = Buffer.from(ANY_RELAY)
    this.#last = relayThrough
    return {
      relayThrough,
      createHandshake: (keyPair, remotePublicKey) =>
        new DiallerHandshake(keyPair, remotePublicKey, relayThrough),
    }
  }
}
