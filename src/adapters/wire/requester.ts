/**
 * One side's own requests on a session.
 *
 * A request's life: (1) it waits until fewer than MAX_OPEN_REQUESTS and MAX_OPEN_BYTES are unanswered; (2) it is sent, a large
 * body only once granted; (3) the answer's body is granted memory and arrives; (4) it settles, once. A request that is given up
 * keeps its place until the peer's final frame, since until then the peer spends memory on it. Where this node's line is limited, a
 * request with bulk in it or in its answer waits for the line before (1).
 *
 * A request's time runs from (1). When it is up the request goes on if its bodies have moved as a peer has to move them at least, or if it is
 * this side that keeps the answer from coming: a slow line is no dead peer.
 */
import type { ByteBudget, Reservation } from '../../core/open/byte-budget.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import {
  CancelledError,
  MalformedError,
  UnreachableError,
  UsageError,
  errorFromWire,
} from '../../core/open/errors.ts'
import { FRAME } from '../../core/open/wire/frame.ts'
import { allocateBytes, freeBytes } from '../../core/open/free-bytes.ts'
import {
  decodeResponsePayload,
  encodeGrantPayload,
  encodeRequestPayload,
  isInline,
} from '../../core/open/wire/frame-payload.ts'
import { decodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Message, RequestOptions } from '../../ports/transport.ts'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES } from '../../ports/transport.ts'
import type { WireClock } from './clock.ts'
import {
  MAX_OPEN_BYTES,
  MAX_OPEN_REQUESTS,
  MIN_PROGRESS_BYTES,
  REQUEST_TIMEOUT_MS,
  STALLED_TICKS,
  TICK_MS,
} from './limits.ts'
import type { Pace } from './line-limits.ts'
import { nextGrant } from './next-grant.ts'
import type { Outbox, OutgoingBody } from './outbox.ts'
import { PacedGrant } from './paced-grant.ts'
import { needsHold, RequestHold } from './request-hold.ts'

const MAX_ID = 0xffff_ffff

interface Pending {
  id: number
  readonly method: number
  readonly message: Message
  readonly options: RequestOptions
  readonly cost: number
  /** While it waits for the line, and for what it asked of that until its end. */
  hold: RequestHold | undefined
  state: 'waiting' | 'ungranted' | 'sending' | 'sent' | 'abandoned'
  readonly resolve: (message: Message) => void
  readonly reject: (error: unknown) => void
  stopTimer: () => void
  unlisten: () => void
  outgoing: OutgoingBody | undefined
  /** Bytes of the request's body that the peer lets us send. */
  granted: number
  /** Bytes of it that the link took. */
  sent: number
  accept: number
  memory: Reservation | undefined
  head: Uint8Array | undefined
  bodyLength: number
  body: Uint8Array | undefined
  /** Of the answer's body; undefined where that was accepted in advance. */
  grant: PacedGrant | undefined
  received: number
}

/** Bytes a millisecond below which a body counts as stuck. */
const LEAST_PACE = MIN_PROGRESS_BYTES / (STALLED_TICKS * TICK_MS)

export class Requester {
  readonly #outbox: Outbox
  readonly #memory: ByteBudget
  readonly #clock: WireClock
  readonly #busy: () => void
  readonly #pace: Pace
  /** Those that wait for the line. */
  readonly #held = new Set<Pending>()
  readonly #waiting = new Set<Pending>()
  readonly #open = new Map<number, Pending>()
  #openBytes = 0
  #nextId = 1
  #gone: AllmendError | undefined

  /** `busy` is called when a request goes out. */
  constructor(outbox: Outbox, memory: ByteBudget, clock: WireClock, pace: Pace, busy: () => void) {
    this.#outbox = outbox
    this.#memory = memory
    this.#clock = clock
    this.#pace = pace
    this.#busy = busy
  }

  /** Requests without a final frame. */
  get open(): number {
    return this.#open.size
  }

  request(method: number, message: Message, options: RequestOptions): Promise<Message> {
    const { signal } = options
    if (!Number.isInteger(method) || method < 0 || method > 0xffff)
      throw new UsageError('method out of range', { method })
    if (message.head.length > MAX_HEAD_BYTES || message.body.length > MAX_BODY_BYTES) {
      throw new UsageError('message too long', { head: message.head.length, body: message.body.length })
    }
    if (signal?.aborted === true)
      throw new CancelledError('cancelled before it was sent', {}, { cause: signal.reason })
    if (this.#gone !== undefined) throw this.#gone
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        id: 0,
        method,
        message,
        options,
        cost:
          message.head.length +
          (isInline(message.head.length, message.body.length) ? message.body.length : 0),
        hold: undefined,
        state: 'waiting',
        resolve,
        reject,
        stopTimer: () => {},
        unlisten: () => {},
        outgoing: undefined,
        granted: 0,
        sent: 0,
        accept: 0,
        memory: undefined,
        head: undefined,
        bodyLength: 0,
        body: undefined,
        grant: undefined,
        received: 0,
      }
      this.#listen(pending)
      this.#admit(pending)
    })
  }

  #admit(pending: Pending): void {
    const { message, options, cost } = pending
    const isWhole = isInline(message.head.length, message.body.length)
    const bytes = { inline: isWhole ? cost : 0, expected: options.expectBodyBytes ?? 0 }
    const start = (): void => {
      this.#held.delete(pending)
      this.#arm(pending)
      this.#waiting.add(pending)
      this.#sendWaiting()
    }
    if (!needsHold(this.#pace, bytes)) start()
    else {
      this.#held.add(pending)
      pending.hold = new RequestHold(this.#pace, bytes, start)
    }
  }

  #arm(pending: Pending): void {
    const { timeoutMs = REQUEST_TIMEOUT_MS } = pending.options
    const before = pending.sent + pending.received
    pending.stopTimer = this.#clock.after(timeoutMs, () => {
      const moved = pending.sent + pending.received - before
      if (moved >= timeoutMs * LEAST_PACE || this.#keepsWaiting(pending)) this.#arm(pending)
      else this.#abandon(pending, new UnreachableError('no answer in time', { timeoutMs }))
    })
  }

  /** Whether the answer is on offer and it is this side, its memory or its line, that doesn't fetch it. */
  #keepsWaiting({ head, body, grant }: Pending): boolean {
    return head !== undefined && (body === undefined || grant?.isHeld === true)
  }

  #listen(pending: Pending): void {
    const { signal } = pending.options
    const aborted = (): void =>
      this.#abandon(pending, new CancelledError('cancelled by the caller', {}, { cause: signal?.reason }))
    signal?.addEventListener('abort', aborted, { once: true })
    pending.unlisten = () => signal?.removeEventListener('abort', aborted)
  }

  /** Nobody waits for it any more. */
  #unhook(pending: Pending): void {
    pending.stopTimer()
    pending.unlisten()
    pending.hold?.end()
    pending.grant?.stop()
  }

  #sendWaiting(): void {
    for (const pending of this.#waiting) {
      if (this.#open.size >= MAX_OPEN_REQUESTS || this.#openBytes + pending.cost > MAX_OPEN_BYTES) return
      this.#waiting.delete(pending)
      if (this.#nextId > MAX_ID) {
        this.#unhook(pending)
        pending.reject(new UnreachableError('the connection has used up its request ids'))
      } else this.#send(pending)
    }
  }

  #send(pending: Pending): void {
    const { message, options } = pending
    pending.id = this.#nextId++
    this.#open.set(pending.id, pending)
    this.#openBytes += pending.cost
    const expected = Math.min(options.expectBodyBytes ?? 0, MAX_BODY_BYTES)
    // Memory that waits for the peer's answer must not keep answers that wait for memory from draining, so room for the largest
    // of those is always left: otherwise each side could hold what the other's progress needs.
    // A line with a limit grants by and by.
    if (expected > 0 && !this.#pace.down.isLimited)
      pending.memory = this.#memory.tryReserve(expected, MAX_BODY_BYTES)
    if (pending.memory !== undefined) pending.accept = expected
    const inline = isInline(message.head.length, message.body.length)
    pending.state = inline ? 'sent' : 'ungranted'
    const payload = encodeRequestPayload(pending.method, pending.accept, message.head, message.body)
    const done = (): void => options.onSent?.(message.body.length)
    const paid = pending.hold !== undefined
    this.#outbox.frame(FRAME.request, pending.id, payload, inline ? { done, paid } : {})
    this.#busy()
  }

  /** The peer grants a body, up to a byte of it or all. */
  granted(id: number, upTo: number | undefined): boolean {
    const pending = this.#find(id)
    if (pending === undefined || pending.state === 'abandoned') return false
    const { state, outgoing, message, options } = pending
    if (state !== 'ungranted' && state !== 'sending')
      throw new MalformedError('a grant for what needs none', { id })
    pending.granted = nextGrant(id, pending.granted, upTo, message.body.length)
    if (outgoing !== undefined) {
      this.#outbox.grant(outgoing, pending.granted)
      return true
    }
    pending.state = 'sending'
    pending.outgoing = {
      type: FRAME.requestData,
      id,
      bytes: message.body,
      last: () => {
        pending.state = 'sent'
      },
      sent: (sent) => {
        pending.sent = sent
        options.onSent?.(sent)
      },
    }
    this.#outbox.body(pending.outgoing, pending.granted)
    return true
  }

  response(id: number, payload: Uint8Array): void {
    const pending = this.#open.get(id)
    const answerable = pending !== undefined && (pending.state === 'sent' || pending.state === 'abandoned')
    if (!answerable || pending.head !== undefined) throw new MalformedError('an answer to nothing', { id })
    const { head, bodyLength, inline } = decodeResponsePayload(payload)
    if (bodyLength > MAX_BODY_BYTES) throw new MalformedError('an answer too long', { bodyLength })
    pending.head = head
    pending.bodyLength = bodyLength
    if (inline !== undefined) {
      pending.body = inline
      this.#finish(pending)
      return
    }
    if (pending.state === 'abandoned') return
    if (bodyLength <= pending.accept) {
      pending.memory?.resize(bodyLength)
      // Who expects bulk bytes may free them.
      pending.body = allocateBytes(bodyLength)
      return
    }
    pending.memory?.release()
    pending.memory = this.#memory.reserve(bodyLength, () => {
      pending.body = Buffer.allocUnsafeSlow(bodyLength)
      pending.grant = new PacedGrant(this.#pace.down, bodyLength, (upTo) =>
        this.#outbox.frame(FRAME.grantResponse, id, encodeGrantPayload(upTo)),
      )
    })
  }

  data(id: number, piece: Uint8Array): void {
    const pending = this.#open.get(id)
    if (pending?.head === undefined) throw new MalformedError('body bytes for nothing', { id })
    const abandoned = pending.state === 'abandoned'
    if (pending.body === undefined && !abandoned)
      throw new MalformedError('body bytes without a grant', { id })
    const end = pending.received + piece.length
    if (end > pending.bodyLength) throw new MalformedError('more body bytes than announced', { id })
    const { grant } = pending
    if (grant === undefined) this.#pace.down.spend(piece.length)
    else if (end > grant.granted) throw new MalformedError('body bytes without a grant', { id })
    else grant.received(end)
    if (!abandoned) pending.body?.set(piece, pending.received)
    pending.received = end
    if (!abandoned) pending.options.onReceived?.(end)
    if (end === pending.bodyLength) this.#finish(pending)
  }

  error(id: number, payload: Uint8Array): void {
    const pending = this.#open.get(id)
    if (pending === undefined) throw new MalformedError('an error for nothing', { id })
    const error = errorFromWire(decodeWireError(payload))
    pending.head = undefined
    this.#finish(pending, error)
  }

  /** Fails everything; later requests fail with the same. */
  stop(error: AllmendError): void {
    this.#gone = error
    const all = [...this.#open.values(), ...this.#waiting, ...this.#held]
    this.#open.clear()
    this.#waiting.clear()
    this.#held.clear()
    for (const pending of all) {
      this.#unhook(pending)
      pending.memory?.release()
      pending.reject(error)
    }
  }

  /** The open request of this id, undefined where it was there once; anything else was never sent. */
  #find(id: number): Pending | undefined {
    if (id === 0 || id >= this.#nextId) throw new MalformedError('a request id that was never used', { id })
    return this.#open.get(id)
  }

  #finish(pending: Pending, error?: AllmendError): void {
    this.#open.delete(pending.id)
    this.#openBytes -= pending.cost
    this.#unhook(pending)
    pending.memory?.release()
    if (pending.outgoing !== undefined) this.#outbox.drop(pending.outgoing)
    if (pending.head !== undefined && pending.body !== undefined && error === undefined) {
      pending.resolve({ head: pending.head, body: pending.body })
    } else pending.reject(error ?? new CancelledError('given up before it was answered'))
    this.#sendWaiting()
  }

  #abandon(pending: Pending, error: AllmendError): void {
    this.#unhook(pending)
    pending.reject(error)
    if (this.#held.delete(pending) || this.#waiting.delete(pending) || this.#open.get(pending.id) !== pending)
      return
    pending.state = 'abandoned'
    pending.memory?.release()
    pending.memory = undefined
    if (pending.body !== undefined) freeBytes(pending.body)
    pending.body = undefined
    if (pending.outgoing !== undefined) this.#outbox.drop(pending.outgoing)
    this.#outbox.frame(FRAME.cancel, pending.id)
  }
}
