/**
 * The payloads of the frames that open a message. A body travels inline exactly when head and body together fit
 * MAX_INLINE_BYTES; otherwise the frame carries the head only, and body frames follow once the receiver grants them.
 */
import { MalformedError } from '../errors.ts'
import { MAX_INLINE_BYTES } from './frame.ts'

const REQUEST_FIXED = 14
const RESPONSE_FIXED = 8
const GRANT_PART = 4

export interface OpeningPayload {
  /** A copy, so that it doesn't hold on to what was received. */
  readonly head: Uint8Array
  readonly bodyLength: number
  /** The whole body when it came inline. */
  readonly inline: Uint8Array | undefined
}

export interface RequestPayload extends OpeningPayload {
  readonly method: number
  /** The response body, bytes, that is granted in advance. */
  readonly accept: number
}

/** Whether a body of this length travels in the opening frame. */
export function isInline(headLength: number, bodyLength: number): boolean {
  return headLength + bodyLength <= MAX_INLINE_BYTES
}

export function encodeRequestPayload(
  method: number,
  accept: number,
  head: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const out = allocate(REQUEST_FIXED, head, body)
  const view = new DataView(out.buffer)
  view.setUint16(0, method)
  view.setUint32(2, accept)
  view.setUint32(6, head.length)
  view.setUint32(10, body.length)
  return out
}

export function encodeResponsePayload(head: Uint8Array, body: Uint8Array): Uint8Array {
  const out = allocate(RESPONSE_FIXED, head, body)
  const view = new DataView(out.buffer)
  view.setUint32(0, head.length)
  view.setUint32(4, body.length)
  return out
}

/** Throws MalformedError when the lengths don't fit the payload; whether the body is too long is the caller's question. */
export function decodeRequestPayload(payload: Uint8Array): RequestPayload {
  if (payload.length < REQUEST_FIXED) throw new MalformedError('request frame too short')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const opening = decodeOpening(payload, REQUEST_FIXED, view.getUint32(6), view.getUint32(10))
  return { method: view.getUint16(0), accept: view.getUint32(2), ...opening }
}

/** Throws MalformedError when the lengths don't fit the payload. */
export function decodeResponsePayload(payload: Uint8Array): OpeningPayload {
  if (payload.length < RESPONSE_FIXED) throw new MalformedError('response frame too short')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return decodeOpening(payload, RESPONSE_FIXED, view.getUint32(0), view.getUint32(4))
}

/** How many bytes of a body may be sent by now; all of them where undefined. */
export function encodeGrantPayload(upTo: number | undefined): Uint8Array {
  if (upTo === undefined) return new Uint8Array(0)
  const out = new Uint8Array(GRANT_PART)
  new DataView(out.buffer).setUint32(0, upTo)
  return out
}

/** Throws MalformedError unless it is empty, which grants all, or a number of bytes. */
export function decodeGrantPayload(payload: Uint8Array): number | undefined {
  if (payload.length === 0) return undefined
  if (payload.length !== GRANT_PART) throw new MalformedError('a grant out of form')
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0)
}

function allocate(fixed: number, head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const inline = isInline(head.length, body.length)
  const out = new Uint8Array(fixed + head.length + (inline ? body.length : 0))
  out.set(head, fixed)
  if (inline) out.set(body, fixed + head.length)
  return out
}

function decodeOpening(
  payload: Uint8Array,
  fixed: number,
  headLength: number,
  bodyLength: number,
): OpeningPayload {
  const inline = isInline(headLength, bodyLength)
  if (payload.length !== fixed + headLength + (inline ? bodyLength : 0)) {
    throw new MalformedError('lengths of head and body do not fit the frame', { headLength, bodyLength })
  }
  const body = fixed + headLength
  return {
    head: Uint8Array.prototype.slice.call(payload, fixed, body),
    bodyLength,
    inline: inline ? Uint8Array.prototype.slice.call(payload, body, body + bodyLength) : undefined,
  }
}
