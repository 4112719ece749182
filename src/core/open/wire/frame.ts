/**
 * The frames of a connection: cutting a byte stream into them and writing their headers.
 *
 * Invariants:
 * - A frame is an 8-byte header (type, 24-bit payload length, 32-bit id, big-endian) and its payload.
 * - Length and type are checked when the header is complete, so a bad frame costs at most its header.
 * - Payloads of body frames are passed on in the pieces in which they arrive, without a copy; all others whole. Nothing but
 *   one unfinished non-body frame is ever buffered.
 * - Pieces and payloads may be views into the bytes pushed: whoever keeps them copies them.
 */
import { MalformedError } from '../errors.ts'

/** What a body frame may carry; large enough to make headers free, small enough that others don't wait for long. */
export const MAX_DATA_BYTES = 64 * 1024
/** Head and inline body of one opening frame together. */
export const MAX_INLINE_BYTES = 64 * 1024
export const FRAME_HEADER_BYTES = 8
/** The largest payload of all types: the fixed fields of a request and its inline bytes. */
const MAX_OPENING_BYTES = MAX_INLINE_BYTES + 14
/** An encoded error: see `wire-error.ts` for how its parts are bounded. */
const MAX_ERROR_BYTES = 64 * 1024
/** How far a body is granted, where that isn't all of it. */
const MAX_GRANT_BYTES = 4

export const FRAME = {
  hello: 0,
  request: 1,
  response: 2,
  error: 3,
  requestData: 4,
  responseData: 5,
  grantRequest: 6,
  grantResponse: 7,
  cancel: 8,
  alive: 9,
  close: 10,
} as const

export type FrameType = (typeof FRAME)[keyof typeof FRAME]

/** Smallest and largest payload by type. */
const SIZES: readonly (readonly [number, number])[] = [
  [1, 16],
  [14, MAX_OPENING_BYTES],
  [8, MAX_INLINE_BYTES + 8],
  [1, MAX_ERROR_BYTES],
  [1, MAX_DATA_BYTES],
  [1, MAX_DATA_BYTES],
  [0, MAX_GRANT_BYTES],
  [0, MAX_GRANT_BYTES],
  [0, 0],
  [0, 0],
  [1, MAX_ERROR_BYTES],
]

export interface FrameSink {
  /** A whole frame that is not a body frame. */
  frame(type: FrameType, id: number, payload: Uint8Array): void
  /** A piece of a body frame's payload, never empty. */
  data(type: FrameType, id: number, piece: Uint8Array): void
}

/** Writes a frame's header to `target` at `offset`. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  type: FrameType,
  id: number,
  length: number,
): void {
  target[offset] = type
  target[offset + 1] = length >>> 16
  target[offset + 2] = length >>> 8
  target[offset + 3] = length
  target[offset + 4] = id >>> 24
  target[offset + 5] = id >>> 16
  target[offset + 6] = id >>> 8
  target[offset + 7] = id
}

/** One whole frame as bytes. */
export function encodeFrame(type: FrameType, id: number, payload?: Uint8Array): Uint8Array {
  const length = payload?.length ?? 0
  const out = new Uint8Array(FRAME_HEADER_BYTES + length)
  writeFrameHeader(out, 0, type, id, length)
  if (payload !== undefined) out.set(payload, FRAME_HEADER_BYTES)
  return out
}

/** Cuts a byte stream into frames, whatever the pieces in which it arrives. */
export class FrameDecoder {
  readonly #sink: FrameSink
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES)
  #headerFilled = 0
  #type: FrameType = FRAME.hello
  #id = 0
  /** Payload bytes of the current frame that are still to come; meaningful once the header is complete. */
  #left = 0
  #partial: Uint8Array | undefined
  #stopped = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Drops whatever arrives from now on, also the rest of the bytes being pushed. */
  stop(): void {
    this.#stopped = true
    this.#partial = undefined
  }

  /** Takes the next bytes of the stream; throws MalformedError at the first bad header, after which it is of no use. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (!this.#stopped) {
      if (this.#headerFilled < FRAME_HEADER_BYTES) {
        if (at === chunk.length) return
        const take = Math.min(FRAME_HEADER_BYTES - this.#headerFilled, chunk.length - at)
        this.#header.set(chunk.subarray(at, at + take), this.#headerFilled)
        this.#headerFilled += take
        at += take
        if (this.#headerFilled < FRAME_HEADER_BYTES) return
        this.#open()
      }
      if (this.#left > 0 && at === chunk.length) return
      at = this.#payload(chunk, at)
    }
  }

  #open(): void {
    const h = this.#header
    const type = h[0]!
    const length = (h[1]! << 16) | (h[2]! << 8) | h[3]!
    const size = SIZES[type]
    if (size === undefined) throw new MalformedError('unknown frame type', { type })
    if (length < size[0] || length > size[1])
      throw new MalformedError('frame length out of range', { type, length })
    this.#type = type as FrameType
    this.#id = ((h[4]! << 24) | (h[5]! << 16) | (h[6]! << 8) | h[7]!) >>> 0
    this.#left = length
  }

  #payload(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#left, chunk.length - at)
    const piece = chunk.subarray(at, at + take)
    const left = this.#left - take
    if (this.#type === FRAME.requestData || this.#type === FRAME.responseData) {
      this.#left = left
      if (left === 0) this.#headerFilled = 0
      this.#sink.data(this.#type, this.#id, piece)
    } else if (this.#partial === undefined && left === 0) {
      this.#headerFilled = 0
      this.#sink.frame(this.#type, this.#id, piece)
    } else {
      this.#partial ??= new Uint8Array(this.#left)
      this.#partial.set(piece, this.#partial.length - this.#left)
      this.#left = left
      if (left === 0) {
        const whole = this.#partial
        this.#partial = undefined
        this.#headerFilled = 0
        this.#sink.frame(this.#type, this.#id, whole)
      }
    }
    return at + take
  }
}
