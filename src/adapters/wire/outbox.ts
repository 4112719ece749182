/**
 * What a session has to send, in the order in which it should go: whole frames first, then the bodies, one frame of each in
 * turn, so that a large body delays neither small messages nor other bodies for longer than a batch.
 *
 * Invariants: a batch holds whole frames only; at most MAX_BATCHES are with the link; `done` of a frame comes after the link
 * took it; a stopped outbox calls nobody back. Of a body no more goes than the receiver has granted. Where the line is limited, bodies go
 * in the slices that it gives, and whole frames at once: they make the next slice later. Buffers for bulk are kept from batch to batch, until
 * `rest`.
 */
import type { FrameType } from '../../core/open/wire/frame.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import { FRAME_HEADER_BYTES, MAX_DATA_BYTES, writeFrameHeader } from '../../core/open/wire/frame.ts'
import { BATCH_BYTES, MAX_BATCHES, MIN_PROGRESS_BYTES } from './limits.ts'
import type { ByteLink } from './link.ts'
import type { LineShare } from './paced-line.ts'
import { FREE_SHARE } from './paced-line.ts'

/** A body on its way out, in frames of `type`. */
export interface OutgoingBody {
  readonly type: FrameType
  readonly id: number
  readonly bytes: Uint8Array
  /** The last frame is in a batch: the receiver may see the end at any time from now on. */
  readonly last?: () => void
  /** The link took `sent` bytes in all. */
  readonly sent?: (sent: number) => void
}

export interface FrameHooks {
  /** The frame is in a batch: the receiver may see it at any time from now on. */
  readonly last?: () => void
  /** The link took it. */
  readonly done?: () => void
  /** The line was asked for it. */
  readonly paid?: boolean
}

interface QueuedFrame {
  readonly type: FrameType
  readonly id: number
  readonly payload: Uint8Array
  readonly hooks: FrameHooks
}

interface QueuedBody {
  readonly body: OutgoingBody
  offset: number
  /** Bytes that the receiver lets us send. */
  granted: number
}

const EMPTY = new Uint8Array(0)
/** Room for one more frame of the largest kind behind BATCH_BYTES. */
const BUFFER_BYTES = BATCH_BYTES + MAX_DATA_BYTES + 64

export class Outbox {
  readonly #link: ByteLink
  readonly #share: LineShare
  readonly #spare: Uint8Array[] = []
  #frames: QueuedFrame[] = []
  /** Those that may go on, in turn order. */
  readonly #bodies = new Map<OutgoingBody, QueuedBody>()
  /** Those of which all that was granted has gone. */
  readonly #parked = new Map<OutgoingBody, QueuedBody>()
  /** Bytes of bodies that the line lets go. */
  #allowed = 0
  #isAsking = false
  #frameBytes = 0
  #batches = 0
  #scheduled = false
  #stopped = false
  /** Batches handed over since the start; tells a session whether anything moved. */
  handed = 0
  /** Rises with what receivers fetch of bodies: by its bytes, by MIN_PROGRESS_BYTES more with each that is whole. */
  bodyProgress = 0
  /** Batches taken by the link. */
  taken = 0

  constructor(link: ByteLink, share: LineShare = FREE_SHARE) {
    this.#link = link
    this.#share = share
  }

  /** Bytes of whole frames that wait. */
  get frameBytes(): number {
    return this.#frameBytes
  }

  get blocked(): boolean {
    return this.#batches > 0
  }

  frame(type: FrameType, id: number, payload: Uint8Array = EMPTY, hooks: FrameHooks = {}): void {
    if (this.#stopped) return
    this.#frames.push({ type, id, payload, hooks })
    this.#frameBytes += FRAME_HEADER_BYTES + payload.length
    this.#schedule()
  }

  /** Sends a body up to what is granted of it. */
  body(body: OutgoingBody, granted = body.bytes.length): void {
    if (this.#stopped) return
    this.#bodies.set(body, { body, offset: 0, granted })
    this.#schedule()
  }

  /** More of a body, in all so much, is granted. */
  grant(body: OutgoingBody, granted: number): void {
    const queued = this.#bodies.get(body) ?? this.#parked.get(body)
    if (queued === undefined) return
    queued.granted = granted
    if (!this.#parked.delete(body)) return
    this.#bodies.set(body, queued)
    this.#schedule()
  }

  /** Whether a body waits for the receiver to grant more of it. */
  isParked(body: OutgoingBody): boolean {
    return this.#parked.has(body)
  }

  /** Sends no more of a body; false when its last frame is already on its way. */
  drop(body: OutgoingBody): boolean {
    return this.#parked.delete(body) || this.#bodies.delete(body)
  }

  /** Hands over what waits, as far as the link takes it, without waiting for the end of the turn. */
  flush(): void {
    this.#scheduled = false
    while (
      !this.#stopped &&
      this.#batches < MAX_BATCHES &&
      (this.#frames.length > 0 || this.#allowedBytes() > 0)
    )
      this.#batch()
  }

  /** Bytes of bodies that may go now; asks the line for more where that is none. */
  #allowedBytes(): number {
    if (this.#bodies.size === 0) return 0
    if (!this.#share.isLimited) return Number.POSITIVE_INFINITY
    if (this.#allowed === 0 && !this.#isAsking) {
      const { slice } = this.#share
      this.#isAsking = true
      this.#share.ask(slice, () => {
        this.#isAsking = false
        this.#allowed += slice
        this.#schedule()
      })
    }
    return this.#allowed
  }

  /** Nothing is to be sent for a while: gives up the buffers of earlier batches, 640 KiB for each connection. */
  rest(): void {
    for (const buffer of this.#spare) freeBytes(buffer)
    this.#spare.length = 0
  }

  stop(): void {
    this.#stopped = true
    this.#frames = []
    this.#frameBytes = 0
    this.#bodies.clear()
    this.#parked.clear()
    this.rest()
  }

  /** At the end of the turn, so that what one turn produces shares a write. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
  }

  #batch(): void {
    let allowed = this.#allowedBytes()
    const bulk = allowed > 0 || this.#frameBytes > BATCH_BYTES
    const buffer = bulk
      ? (this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES))
      : new Uint8Array(this.#frameBytes)
    const done: (() => void)[] = []
    let at = this.#putFrames(buffer, done)
    while (this.#bodies.size > 0 && at < BATCH_BYTES && allowed > FRAME_HEADER_BYTES) {
      const end = this.#putData(buffer, at, allowed - FRAME_HEADER_BYTES, done)
      allowed -= end - at
      at = end
    }
    this.#allowed = Number.isFinite(allowed) && allowed > FRAME_HEADER_BYTES ? allowed : 0
    this.#batches++
    this.handed++
    this.#link.write(buffer.subarray(0, at), () => {
      if (this.#stopped) return
      this.#batches--
      this.taken++
      if (bulk) this.#spare.push(buffer)
      for (const call of done) call()
      this.flush()
    })
  }

  #putFrames(buffer: Uint8Array, done: (() => void)[]): number {
    let at = 0
    let count = 0
    let paid = 0
    for (const { type, id, payload, hooks } of this.#frames) {
      if (at >= BATCH_BYTES) break
      writeFrameHeader(buffer, at, type, id, payload.length)
      buffer.set(payload, at + FRAME_HEADER_BYTES)
      at += FRAME_HEADER_BYTES + payload.length
      if (hooks.paid === true) paid += payload.length
      hooks.last?.()
      if (hooks.done !== undefined) done.push(hooks.done)
      count++
    }
    this.#frames = count === this.#frames.length ? [] : this.#frames.slice(count)
    this.#frameBytes -= at
    this.#share.spend(at - paid)
    return at
  }

  #putData(buffer: Uint8Array, at: number, most: number, done: (() => void)[]): number {
    const [body, queued] = this.#bodies.entries().next().value!
    this.#bodies.delete(body)
    const end = Math.min(queued.granted, queued.offset + Math.min(MAX_DATA_BYTES, most))
    const piece = body.bytes.subarray(queued.offset, end)
    writeFrameHeader(buffer, at, body.type, body.id, piece.length)
    buffer.set(piece, at + FRAME_HEADER_BYTES)
    queued.offset += piece.length
    const sent = queued.offset
    const isWhole = sent === body.bytes.length
    this.bodyProgress += isWhole ? MIN_PROGRESS_BYTES : piece.length
    if (body.sent !== undefined) done.push(() => body.sent?.(sent))
    if (isWhole) body.last?.()
    else if (sent < queued.granted) this.#bodies.set(body, queued)
    else this.#parked.set(body, queued)
    return at + FRAME_HEADER_BYTES + piece.length
  }
}
