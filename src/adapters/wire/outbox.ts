/**
 * What a session has to send, in the order in which it should go: whole frames first, then the bodies, one frame of each in
 * turn, so that a large body delays neither small messages nor other bodies for longer than a batch.
 *
 * Invariants: a batch holds whole frames only; at most MAX_BATCHES are with the link; `done` of a frame comes after the link
 * took it; a stopped outbox calls nobody back.
 */
import type { FrameType } from '../../core/open/frame.ts'
import { FRAME_HEADER_BYTES, MAX_DATA_BYTES, writeFrameHeader } from '../../core/open/frame.ts'
import { BATCH_BYTES, MAX_BATCHES } from './limits.ts'
import type { ByteLink } from './link.ts'

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
}

const EMPTY = new Uint8Array(0)
/** Room for one more frame of the largest kind behind BATCH_BYTES. */
const BUFFER_BYTES = BATCH_BYTES + MAX_DATA_BYTES + 64

export class Outbox {
  readonly #link: ByteLink
  readonly #spare: Uint8Array[] = []
  #frames: QueuedFrame[] = []
  /** In turn order. */
  readonly #bodies = new Map<OutgoingBody, QueuedBody>()
  #frameBytes = 0
  #batches = 0
  #scheduled = false
  #stopped = false
  /** Batches handed over since the start; tells a session whether anything moved. */
  handed = 0
  /** Body frames put into batches. */
  bodyFrames = 0
  /** Batches taken by the link. */
  taken = 0

  constructor(link: ByteLink) {
    this.#link = link
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

  body(body: OutgoingBody): void {
    if (this.#stopped) return
    this.#bodies.set(body, { body, offset: 0 })
    this.#schedule()
  }

  /** Sends no more of a body; false when its last frame is already on its way. */
  drop(body: OutgoingBody): boolean {
    return this.#bodies.delete(body)
  }

  /** Hands over what waits, as far as the link takes it, without waiting for the end of the turn. */
  flush(): void {
    this.#scheduled = false
    while (
      !this.#stopped &&
      this.#batches < MAX_BATCHES &&
      (this.#frames.length > 0 || this.#bodies.size > 0)
    )
      this.#batch()
  }

  stop(): void {
    this.#stopped = true
    this.#frames = []
    this.#frameBytes = 0
    this.#bodies.clear()
    this.#spare.length = 0
  }

  /** At the end of the turn, so that what one turn produces shares a write. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.flush())
  }

  #batch(): void {
    const bulk = this.#bodies.size > 0 || this.#frameBytes > BATCH_BYTES
    const buffer = bulk
      ? (this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES))
      : new Uint8Array(this.#frameBytes)
    const done: (() => void)[] = []
    let at = this.#putFrames(buffer, done)
    while (this.#bodies.size > 0 && at < BATCH_BYTES) at = this.#putData(buffer, at, done)
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
    for (const { type, id, payload, hooks } of this.#frames) {
      if (at >= BATCH_BYTES) break
      writeFrameHeader(buffer, at, type, id, payload.length)
      buffer.set(payload, at + FRAME_HEADER_BYTES)
      at += FRAME_HEADER_BYTES + payload.length
      hooks.last?.()
      if (hooks.done !== undefined) done.push(hooks.done)
      count++
    }
    this.#frames = count === this.#frames.length ? [] : this.#frames.slice(count)
    this.#frameBytes -= at
    return at
  }

  #putData(buffer: Uint8Array, at: number, done: (() => void)[]): number {
    const [body, queued] = this.#bodies.entries().next().value!
    this.#bodies.delete(body)
    const piece = body.bytes.subarray(queued.offset, queued.offset + MAX_DATA_BYTES)
    writeFrameHeader(buffer, at, body.type, body.id, piece.length)
    buffer.set(piece, at + FRAME_HEADER_BYTES)
    queued.offset += piece.length
    this.bodyFrames++
    const sent = queued.offset
    if (body.sent !== undefined) done.push(() => body.sent?.(sent))
    if (sent < body.bytes.length) this.#bodies.set(body, queued)
    else body.last?.()
    return at + FRAME_HEADER_BYTES + piece.length
  }
}
