/**
 * How a relay says why it passes nothing on: a channel of its own beside the relay protocol's on the control stream, whose opening
 * carries the reason, as the wire's errors are written. A peer that doesn't know it sees the stream end, as without.
 */
import * as blindRelay from 'blind-relay'
import type { Mux, MuxCodec } from 'blind-relay'
import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { AllmendError } from '../../../core/open/errors.ts'
import { errorFromWire, errorToWire } from '../../../core/open/errors.ts'
import { decodeWireError, encodeWireError } from '../../../core/open/wire/wire-error.ts'

const NOTHING = new Uint8Array(0)
const PROTOCOL = 'allmend/relay-refusal/1'

/** What is left of the message is the reason. */
const rest: MuxCodec = {
  preencode(state, bytes) {
    state.end += bytes.length
  },
  encode(state, bytes) {
    state.buffer.set(bytes, state.start)
    state.start += bytes.length
  },
  decode(state) {
    const bytes = state.buffer.slice(state.start, state.end)
    state.start = state.end
    return bytes
  },
}

/** Says why on a control stream; `heard` is called when the other end has read it, or doesn't know how. Ending the stream is the caller's. */
export function sendRefusal(mux: Mux, reason: AllmendError, heard: () => void): void {
  mux
    .createChannel({ protocol: PROTOCOL, handshake: rest, onopen: heard, onclose: heard })
    ?.open(encodeWireError(errorToWire(reason)))
}

/** Calls `refused` when the relay at the other end says why it passes nothing on. What is no reason destroys the stream. */
export function hearRefusal(stream: NoiseSecretStream, refused: (reason: AllmendError) => void): void {
  // The library asks for the same client by the same stream.
  const { mux } = blindRelay.Client.from(stream, { id: stream.publicKey })
  mux.pair({ protocol: PROTOCOL }, () => {
    const onopen = (bytes: Uint8Array): void => refused(errorFromWire(decodeWireError(bytes)))
    mux.createChannel({ protocol: PROTOCOL, handshake: rest, onopen })?.open(NOTHING)
  })
}
