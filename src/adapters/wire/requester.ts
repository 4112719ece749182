/**
 * One side's own requests on a session.
 *
 * A request's life: (1) it waits until fewer than MAX_OPEN_REQUESTS and MAX_OPEN_BYTES are unanswered; (2) it is sent, a large
 * body only once granted; (3) the answer's body is granted memory and arrives; (4) it settles, once. A request that is given up
 * keeps its place until the peer's final frame, since until then the peer spends memory on it.
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
import { FRAME } from '../../core/open/frame.ts'
import { allocateBytes, freeBytes } from '../../core/open/free-bytes.ts'
import { decodeResponsePayload, encodeRequestPayload, isInline } from '../../core/open/frame-payload.ts'
import { decodeWireError } from '../../core/open/wire-error.ts'
import type { Message, RequestOptions } from '../../ports/transport.ts'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES } from '../../ports/transport.ts'
import type { WireClock } from './clock.ts'
import { MAX_OPEN_BYTES, MAX_OPEN_REQUESTS, REQUEST_TIMEOUT_MS } from './limits.ts'
import type { Outbox, OutgoingBody } from './outbox.ts'

const MAX_ID = 0xffff_ffff

interface Pending {
  id: number
  readonly method: number
  readonly message: Message
  readonly options: RequestOptions
  readonly cost: number
  state: 'waiting' | 'ungranted' | 'sending' | 'sent' | 'abandoned'
  readonly resolve: (message: Message) => void
  readonly reject: (error: unknown) => void
  /** Ends timer and listener. */
  unhook: () => void
  outgoing: OutgoingBody | undefined
  accept: number
  memory: Reservation | undefined
  head: Uint8Array | undefined
  bodyLength: number
  body: Uint8Array | undefined
  received: number
}

export class Requester {
  readonly #outbox: Outbox
  readonly #memory: ByteBudget
  readonly #clock: WireClock
  readonly #busy: () => void
  readonly #waiting = new Set<Pending>()
  readonly #open = new Map<number, Pending>()
  #openBytes = 0
  #nextId = 1
  #gone: AllmendError | undefined

  /** `busy` is called when a request goes out. */
  constructor(outbox: Outbox, memory: ByteBudget, clock: WireClock, busy: () => void) {
    this.#outbox = outbox
    this.#memory = memory
    this.#clock = clock
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
        state: 'waiting',
        resolve,
        reject,
        unhook: () => {},
        outgoing: undefined,
        accept: 0,
        memory: undefined,
        head: undefined,
        bodyLength: 0,
        body: undefined,
        received: 0,
      }
      this.#hook(pending)
      this.#waiting.add(pending)
      this.#sendWaiting()
    })
  }

  #hook(pending: Pending): void {
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = pending.options
    const cancelTimer = this.#clock.after(timeoutMs, () =>
      this.#abandon(pending, new UnreachableError('no answer in time', { timeoutMs })),
    )
    const aborted = (): void =>
      this.#abandon(pending, new CancelledError('cancelled by the caller', {}, { cause: signal?.reason }))
    signal?.addEventListener('abort', aborted, { once: true })
    pending.unhook = () => {
      cancelTimer()
      signal?.removeEventListener('abort', aborted)
    }
  }

  #sendWaiting(): void {
    for (const pending of this.#waiting) {
      if (this.#open.size >= MAX_OPEN_REQUESTS || this.#openBytes + pending.cost > MAX_OPEN_BYTES) return
      this.#waiting.delete(pending)
      if (this.#nextId > MAX_ID) {
        pending.unhook()
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
    if (expected > 0) pending.memory = this.#memory.tryReserve(expected, MAX_BODY_BYTES)
    if (pending.memory !== undefined) pending.accept = expected
    const inline = isInline(message.head.length, message.body.length)
    pending.state = inline ? 'sent' : 'ungranted'
    const payload = encodeRequestPayload(pending.method, pending.accept, message.head, message.body)
    const done = (): void => options.onSent?.(message.body.length)
    this.#outbox.frame(FRAME.request, pending.id, payload, inline ? { done } : {})
    this.#busy()
  }

  /** The peer grants a body. */
  granted(id: number): boolean {
    const pending = this.#find(id)
    if (pending === undefined || pending.state === 'abandoned') return false
    if (pending.state !== 'ungranted') throw new MalformedError('a grant for what needs none', { id })
    pending.state = 'sending'
    const { onSent } = pending.options
    pending.outgoing = {
      type: FRAME.requestData,
      id,
      bytes: pending.message.body,
      last: () => {
        pending.state = 'sent'
      },
      ...(onSent === undefined ? {} : { sent: onSent }),
    }
    this.#outbox.body(pending.outgoing)
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
      this.#outbox.frame(FRAME.grantResponse, id)
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
    if (!abandoned) pending.body?.set(piece, pending.received)
    pending.received = end
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
    const all = [...this.#open.values(), ...this.#waiting]
    this.#open.clear()
    this.#waiting.clear()
    for (const pending of all) {
      pending.unhook()
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
    pending.unhook()
    pending.memory?.release()
    if (pending.outgoing !== undefined) this.#outbox.drop(pending.outgoing)
    if (pending.head !== undefined && pending.body !== undefined && error === undefined) {
      pending.resolve({ head: pending.head, body: pending.body })
    } else pending.reject(error ?? new CancelledError('given up before it was answered'))
    this.#sendWaiting()
  }

  #abandon(pending: Pending, error: AllmendError): void {
    pending.unhook()
    pending.reject(error)
    if (this.#waiting.delete(pending) || this.#open.get(pending.id) !== pending) return
    pending.state = 'abandoned'
    pending.memory?.release()
    pending.memory = undefined
    if (pending.body !== undefined) freeBytes(pending.body)
    pending.body = undefined
    if (pending.outgoing !== undefined) this.#outbox.drop(pending.outgoing)
    this.#outbox.frame(FRAME.cancel, pending.id)
  }
}
