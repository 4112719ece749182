/**
 * The other side's requests on a session.
 *
 * A request's life: (1) its frame is checked; a large body waits for memory, is granted and arrives; (2) it waits until its
 * answer may be held; (3) the handler runs; (4) its body is given up, the answer goes out, a large one only once granted.
 * Every request gets exactly one final frame (its answer's last byte, or an error), a cancelled one too, but not before its
 * handler is done: so what the peer counts as unanswered is never less than what is held here.
 */
import type { ByteBudget, Reservation } from '../../core/open/byte-budget.ts'
import {
  CancelledError,
  DeniedError,
  InternalError,
  MalformedError,
  UsageError,
} from '../../core/open/errors.ts'
import { AllmendError, errorToWire } from '../../core/open/errors.ts'
import { FRAME } from '../../core/open/wire/frame.ts'
import {
  decodeRequestPayload,
  encodeGrantPayload,
  encodeResponsePayload,
  isInline,
} from '../../core/open/wire/frame-payload.ts'
import { allocateBytes, freeBytes } from '../../core/open/free-bytes.ts'
import { encodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Connection, Message, RequestHandler } from '../../ports/transport.ts'
import { MAX_BODY_BYTES, MAX_HEAD_BYTES } from '../../ports/transport.ts'
import { CONTROL_BYTES, MAX_OPEN_BYTES, MAX_OPEN_REQUESTS, SMALL_ANSWER_BYTES } from './limits.ts'
import type { Pace } from './line-limits.ts'
import { nextGrant } from './next-grant.ts'
import type { Outbox, OutgoingBody } from './outbox.ts'
import { PacedGrant } from './paced-grant.ts'
import type { PeerAccount, PeerAccounts } from './peer-accounts.ts'

interface Incoming {
  readonly id: number
  readonly method: number
  readonly accept: number
  readonly cost: number
  readonly head: Uint8Array
  readonly bodyLength: number
  readonly abort: AbortController
  state: 'ungranted' | 'receiving' | 'queued' | 'running' | 'answered' | 'sending' | 'refused'
  cancelled: boolean
  body: Uint8Array | undefined
  received: number
  /** Of the request's body, once there is memory for it. */
  grant: PacedGrant | undefined
  /** Bytes of the answer's body that the peer lets us send. */
  granted: number
  /** Ends what waits for the line. */
  unhold: (() => void) | undefined
  /** For the request's body. */
  memory: Reservation | undefined
  /** For the answer. */
  answer: Reservation | undefined
  outgoing: OutgoingBody | undefined
}

export interface ResponderOptions {
  readonly outbox: Outbox
  readonly account: PeerAccount
  readonly accounts: PeerAccounts
  readonly handler: RequestHandler | undefined
  readonly maxBodyBytes: ((method: number) => number) | undefined
  readonly freeBodies: boolean
  /** Told of what a handler threw that is not an AllmendError. */
  readonly onFault: (error: unknown) => void
  readonly connection: Connection
  readonly pace: Pace
}

export class Responder {
  readonly #o: ResponderOptions
  readonly #open = new Map<number, Incoming>()
  /** Those that hold memory; longer than they are open by the time that the link takes. */
  readonly #held = new Set<Incoming>()
  #openBytes = 0
  #lastId = 0
  #stopped = false

  constructor(options: ResponderOptions) {
    this.#o = options
  }

  /** Requests without a final frame. */
  get open(): number {
    return this.#open.size
  }

  /** Whether body bytes are due from the peer. */
  get receiving(): boolean {
    for (const { state, grant } of this.#open.values())
      if (state === 'receiving' && grant?.isDue === true) return true
    return false
  }

  /** Whether an answer waits for the peer's grant. */
  get offering(): boolean {
    for (const { state, outgoing } of this.#open.values()) {
      if (state === 'answered') return true
      if (state === 'sending' && outgoing !== undefined && this.#o.outbox.isParked(outgoing)) return true
    }
    return false
  }

  request(id: number, payload: Uint8Array): void {
    if (id <= this.#lastId) throw new MalformedError('request ids must rise', { id })
    this.#lastId = id
    const { method, accept, head, bodyLength, inline } = decodeRequestPayload(payload)
    const cost = head.length + (inline?.length ?? 0)
    if (bodyLength > MAX_BODY_BYTES) throw new MalformedError('a request too long', { bodyLength })
    if (this.#open.size >= MAX_OPEN_REQUESTS || this.#openBytes + cost > MAX_OPEN_BYTES) {
      throw new MalformedError('more unanswered requests than agreed', { requests: this.#open.size })
    }
    const incoming: Incoming = {
      id,
      method,
      accept,
      cost,
      head,
      bodyLength,
      abort: new AbortController(),
      state: 'ungranted',
      cancelled: false,
      body: inline,
      received: 0,
      grant: undefined,
      granted: 0,
      unhold: undefined,
      memory: undefined,
      answer: undefined,
      outgoing: undefined,
    }
    this.#open.set(id, incoming)
    this.#held.add(incoming)
    this.#openBytes += cost
    const limit = this.#o.maxBodyBytes?.(method) ?? MAX_BODY_BYTES
    if (this.#o.handler === undefined) this.#error(incoming, new DeniedError('this side answers no requests'))
    else if (bodyLength > limit) {
      this.#error(
        incoming,
        new UsageError('body longer than this method takes', { method, bodyLength, limit }),
      )
    } else if (inline === undefined) this.#admit(incoming)
    else if (cost > CONTROL_BYTES) this.#hold(incoming)
    else this.#queue(incoming)
  }

  /** Bulk that came unasked is here and counted; what waits with it is the peer's next. */
  #hold(incoming: Incoming): void {
    incoming.unhold = this.#o.pace.down.askSoon(0, () => this.#queue(incoming))
  }

  #admit(incoming: Incoming): void {
    incoming.memory = this.#o.account.requests.reserve(incoming.bodyLength, () => {
      incoming.state = 'receiving'
      incoming.body = this.#o.freeBodies
        ? allocateBytes(incoming.bodyLength)
        : Buffer.allocUnsafeSlow(incoming.bodyLength)
      incoming.grant = new PacedGrant(this.#o.pace.down, incoming.bodyLength, (upTo) =>
        this.#o.outbox.frame(FRAME.grantRequest, incoming.id, encodeGrantPayload(upTo)),
      )
    })
  }

  data(id: number, piece: Uint8Array): void {
    const incoming = this.#open.get(id)
    if (incoming?.state !== 'receiving' || incoming.body === undefined) {
      throw new MalformedError('body bytes without a grant', { id })
    }
    const end = incoming.received + piece.length
    if (end > incoming.bodyLength) throw new MalformedError('more body bytes than announced', { id })
    if (incoming.grant === undefined || end > incoming.grant.granted)
      throw new MalformedError('body bytes without a grant', { id })
    incoming.body.set(piece, incoming.received)
    incoming.received = end
    incoming.grant.received(end)
    if (end === incoming.bodyLength) this.#queue(incoming)
  }

  /** Waits until the answer that is to be expected may be held. */
  #queue(incoming: Incoming): void {
    incoming.state = 'queued'
    const { account, accounts } = this.#o
    const expected = accounts.expectedAnswer(incoming.method)
    const budget: ByteBudget = expected <= SMALL_ANSWER_BYTES ? account.smallAnswers : account.answers
    incoming.answer = budget.reserve(expected, () => queueMicrotask(() => void this.#run(incoming)))
  }

  async #run(incoming: Incoming): Promise<void> {
    // It may have been given up between the grant and this.
    if (incoming.state !== 'queued' || this.#stopped) return
    const { handler, connection, accounts } = this.#o
    const { method, head, body } = incoming
    if (handler === undefined || body === undefined)
      throw new InternalError('a request without handler or body was run')
    incoming.state = 'running'
    const { signal } = incoming.abort
    try {
      const answer = await handler({ method, head, body, peerKey: connection.peerKey, connection, signal })
      if (this.#stopped) return this.#release(incoming)
      if (answer.head.length > MAX_HEAD_BYTES || answer.body.length > MAX_BODY_BYTES) {
        const facts = { method, head: answer.head.length, body: answer.body.length }
        throw new RangeError(`a handler's answer is too long: ${JSON.stringify(facts)}`)
      }
      accounts.sawAnswer(method, answer.head.length + answer.body.length)
      if (incoming.cancelled) this.#error(incoming, new CancelledError('cancelled by the caller'))
      else this.#answer(incoming, answer)
    } catch (error) {
      if (!(error instanceof AllmendError)) this.#o.onFault(error)
      if (this.#stopped) this.#release(incoming)
      else this.#error(incoming, error)
    }
  }

  #answer(incoming: Incoming, message: Message): void {
    const { id } = incoming
    const { outbox } = this.#o
    const { head, body } = message
    const { length } = body
    this.#consumed(incoming, body)
    incoming.answer?.resize(head.length + body.length)
    const payload = encodeResponsePayload(head, body)
    if (isInline(head.length, body.length)) {
      incoming.state = 'sending'
      const hooks = { last: () => this.#close(incoming), done: () => this.#release(incoming) }
      if (payload.length <= CONTROL_BYTES) outbox.frame(FRAME.response, id, payload, hooks)
      else
        incoming.unhold = this.#o.pace.up.askSoon(payload.length, () =>
          outbox.frame(FRAME.response, id, payload, { ...hooks, paid: true }),
        )
      return
    }
    outbox.frame(FRAME.response, id, payload)
    incoming.outgoing = {
      type: FRAME.responseData,
      id,
      bytes: body,
      last: () => this.#close(incoming),
      sent: (sent) => {
        if (sent === length) this.#release(incoming)
      },
    }
    incoming.state = 'answered'
    if (length <= incoming.accept) this.#sendBody(incoming, incoming.outgoing, length)
  }

  #sendBody(incoming: Incoming, body: OutgoingBody, granted: number): void {
    const { outbox } = this.#o
    if (incoming.state === 'sending') outbox.grant(body, granted)
    else outbox.body(body, granted)
    incoming.state = 'sending'
    incoming.granted = granted
  }

  /** The peer grants the body of an answer, up to a byte of it or all; false when that has no effect any more. */
  granted(id: number, upTo: number | undefined): boolean {
    const incoming = this.#find(id)
    if (incoming === undefined) return false
    const { state, outgoing } = incoming
    if ((state !== 'answered' && state !== 'sending') || outgoing === undefined)
      throw new MalformedError('a grant for what needs none', { id })
    this.#sendBody(incoming, outgoing, nextGrant(id, incoming.granted, upTo, outgoing.bytes.length))
    return true
  }

  /** The peer gives a request up; false when it was answered already. */
  cancel(id: number): boolean {
    const incoming = this.#find(id)
    if (incoming === undefined) return false
    if (incoming.cancelled) throw new MalformedError('a request cancelled twice', { id })
    incoming.cancelled = true
    const reason = new CancelledError('cancelled by the caller')
    incoming.abort.abort(reason)
    const { state, outgoing } = incoming
    if (state === 'running') return true
    // Of an answer that is whole in the outbox the peer gets the end; of one under way it gets the error instead.
    if (state === 'refused' || (state === 'sending' && outgoing === undefined)) return true
    if (outgoing !== undefined) this.#o.outbox.drop(outgoing)
    this.#error(incoming, reason)
    return true
  }

  stop(reason: AllmendError): void {
    this.#stopped = true
    this.#open.clear()
    for (const incoming of this.#held) {
      incoming.abort.abort(reason)
      if (incoming.state !== 'running') this.#release(incoming)
    }
  }

  #find(id: number): Incoming | undefined {
    if (id === 0 || id > this.#lastId) throw new MalformedError('a request id that was never used', { id })
    return this.#open.get(id)
  }

  #error(incoming: Incoming, error: unknown): void {
    incoming.state = 'refused'
    this.#release(incoming)
    const payload = encodeWireError(errorToWire(error))
    this.#o.outbox.frame(FRAME.error, incoming.id, payload, { last: () => this.#close(incoming) })
  }

  /** The request's own bytes are no longer needed, unless the answer is made of them. */
  #consumed(incoming: Incoming, answer?: Uint8Array): void {
    const body = incoming.body
    incoming.body = undefined
    if (this.#o.freeBodies && body !== undefined && body.buffer !== answer?.buffer) freeBytes(body)
    incoming.memory?.release()
  }

  /** Frees the request's place; from then on the peer may open another. */
  #close(incoming: Incoming): void {
    if (this.#open.delete(incoming.id)) this.#openBytes -= incoming.cost
  }

  #release(incoming: Incoming): void {
    this.#held.delete(incoming)
    incoming.grant?.stop()
    incoming.unhold?.()
    this.#consumed(incoming)
    if (this.#o.freeBodies && incoming.outgoing !== undefined) freeBytes(incoming.outgoing.bytes)
    incoming.outgoing = undefined
    incoming.answer?.release()
  }
}
