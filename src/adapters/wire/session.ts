/**
 * One connection: frames in both directions over an authenticated byte stream.
 *
 * Invariants:
 * - The first frame of each side is `hello` (or `close`, when it refuses the other); nothing is handled before it.
 * - The session ends exactly once. Then every request of this side has settled, every signal of the other's is aborted, all
 *   memory but that of running handlers is given back.
 * - A breach of the protocol ends the session and makes the peer refused for a while; silence and broken links only end it.
 * - While a session owes the peer an answer or receives bytes from it, it says that it is alive each tick; so a peer that is
 *   silent while it owes an answer is dead, even where our own bytes are stuck in front of a slow link. So is one that takes what
 *   we said last in silence: the system would keep a connection to somebody who has moved for a quarter of an hour.
 */
import type { AllmendError } from '../../core/open/errors.ts'
import {
  AllmendError as AllmendErrorType,
  BusyError,
  DeniedError,
  InternalError,
  MalformedError,
  UnreachableError,
  errorFromWire,
  errorToWire,
} from '../../core/open/errors.ts'
import type { FrameSink, FrameType } from '../../core/open/wire/frame.ts'
import { FRAME, FRAME_HEADER_BYTES, FrameDecoder } from '../../core/open/wire/frame.ts'
import { decodeGrantPayload } from '../../core/open/wire/frame-payload.ts'
import { decodeWireError, encodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Connection, Message, RequestHandler, RequestOptions } from '../../ports/transport.ts'
import type { WireClock } from './clock.ts'
import {
  CLOSE_GRACE_MS,
  MAX_IDLE_FRAMES,
  MAX_UNSENT_BYTES,
  MIN_PROGRESS_BYTES,
  SILENT_MS,
  SILENT_TICKS,
  STALLED_TICKS,
  TICK_MS,
  UNANSWERED_TICKS,
  UNFETCHED_TICKS,
} from './limits.ts'
import type { Pace } from './line-limits.ts'
import { FREE_PACE } from './line-limits.ts'
import type { ByteLink } from './link.ts'
import { Outbox } from './outbox.ts'
import type { HeldSession, PeerAccount, PeerAccounts } from './peer-accounts.ts'
import { Requester } from './requester.ts'
import { Responder } from './responder.ts'

/** What a session says first. */
const WIRE_VERSION = 1

export interface SessionOptions {
  readonly link: ByteLink
  readonly peerKey: Uint8Array
  readonly account: PeerAccount
  readonly accounts: PeerAccounts
  readonly clock: WireClock
  /** What the line lets it move; anything without. */
  readonly pace?: Pace
  readonly handler: RequestHandler | undefined
  readonly maxBodyBytes: ((method: number) => number) | undefined
  readonly freeBodies: boolean
  readonly onFault: (error: unknown) => void
  /** Called once at the end; `breach` when the peer is to be refused for a while. */
  readonly onEnd: (breach: AllmendError | undefined) => void
}

export class Session implements Connection, HeldSession, FrameSink {
  readonly peerKey: Uint8Array
  readonly remoteAddress: string
  readonly closed: Promise<AllmendError | undefined>
  /** Resolves once the other side has said hello; rejects with why it, or we, refused. */
  readonly ready: Promise<void>
  readonly #o: SessionOptions
  readonly #pace: Pace
  readonly #outbox: Outbox
  readonly #requester: Requester
  readonly #responder: Responder
  readonly #decoder: FrameDecoder
  readonly #settleClosed: (reason: AllmendError | undefined) => void
  readonly #settleReady: { readonly resolve: () => void; readonly reject: (error: unknown) => void }
  #greeted = false
  #ended = false
  #stopTicking: (() => void) | undefined
  /** Clock time of the last byte, or of the request that ended a time in which none was due. */
  #heardAt = 0
  #heard = false
  #heardWork = false
  /** What had been handed on when that came: where it isn't more by now, a keepalive is due. */
  #handedAtWork = 0
  #silentTicks = 0
  #inStalled = 0
  #outStalled = 0
  #bodyBytes = 0
  #handedAtTick = 0
  /** What had been handed on when the last byte came: what is more has had no echo yet. */
  #handedWhenHeard = 0
  #unanswered = 0
  #takenAtTick = 0
  /** Of the outbox's bodies, when the peer was seen to fetch them. */
  #fetchedProgress = 0
  #unfetched = 0
  #idleFrames = 0

  constructor(options: SessionOptions) {
    this.#o = options
    this.peerKey = options.peerKey
    this.remoteAddress = options.link.remoteAddress
    const closed = Promise.withResolvers<AllmendError | undefined>()
    this.closed = closed.promise
    this.#settleClosed = closed.resolve
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    // A listener doesn't await it, and the reason is in `closed` too.
    this.ready.catch(() => {})
    this.#settleReady = ready
    const { account, clock, pace = FREE_PACE } = options
    this.#pace = pace
    this.#outbox = new Outbox(options.link, pace.up)
    this.#decoder = new FrameDecoder(this)
    this.#requester = new Requester(this.#outbox, account.responses, clock, pace, () => this.#asked())
    this.#responder = new Responder({ ...options, pace, outbox: this.#outbox, connection: this })
    this.#outbox.frame(FRAME.hello, 0, Uint8Array.of(WIRE_VERSION))
  }

  request(method: number, message: Message, options: RequestOptions = {}): Promise<Message> {
    return new Promise((resolve) => {
      resolve(this.#requester.request(method, message, options))
    })
  }

  /** A limit of this node's line holds for it at the moment. */
  get isLimited(): boolean {
    return this.#pace.up.isLimited || this.#pace.down.isLimited
  }

  close(): Promise<void> {
    this.#end(new UnreachableError('the connection was closed'), { mine: true })
    return this.closed.then(() => {})
  }

  /** Bytes from the link. */
  receive(chunk: Uint8Array): void {
    if (this.#ended) return
    this.#heard = true
    this.#heardAt = this.#o.clock.now()
    this.#handedWhenHeard = this.#outbox.handed
    if (this.#stopTicking === undefined) this.#startTicking()
    try {
      this.#decoder.push(chunk)
      if (this.#outbox.frameBytes > MAX_UNSENT_BYTES)
        throw new MalformedError('the peer asks without reading')
    } catch (error) {
      this.#breach(error)
    }
  }

  /** The link is gone. */
  lost(cause?: unknown): void {
    this.#end(new UnreachableError('the connection broke', {}, { cause }))
  }

  frame(type: FrameType, id: number, payload: Uint8Array): void {
    if (type !== FRAME.alive) this.#noteWork()
    this.#pace.down.spend(FRAME_HEADER_BYTES + payload.length)
    if (!this.#greeted && type !== FRAME.hello && type !== FRAME.close)
      throw new MalformedError('no greeting', { type })
    switch (type) {
      case FRAME.hello:
        return this.#hello(payload)
      case FRAME.request:
        return this.#responder.request(id, payload)
      case FRAME.response:
        return this.#requester.response(id, payload)
      case FRAME.error:
        return this.#requester.error(id, payload)
      case FRAME.grantRequest:
        return this.#count(this.#requester.granted(id, decodeGrantPayload(payload)))
      case FRAME.grantResponse:
        return this.#count(this.#responder.granted(id, decodeGrantPayload(payload)))
      case FRAME.cancel:
        return this.#count(this.#responder.cancel(id))
      case FRAME.alive:
        return this.#count(false)
      case FRAME.close:
        return this.#closedByPeer(payload)
      default:
        throw new MalformedError('a body frame as a whole', { type })
    }
  }

  data(type: FrameType, id: number, piece: Uint8Array): void {
    if (!this.#greeted) throw new MalformedError('no greeting', { type })
    this.#noteWork()
    this.#bodyBytes += piece.length
    if (type === FRAME.requestData) this.#responder.data(id, piece)
    else this.#requester.data(id, piece)
  }

  #noteWork(): void {
    this.#heardWork = true
    this.#handedAtWork = this.#outbox.handed
  }

  #hello(payload: Uint8Array): void {
    if (this.#greeted) throw new MalformedError('a second greeting')
    // Later versions may say more behind their number, but they have to speak ours on this ALPN.
    if (payload[0] !== WIRE_VERSION)
      throw new MalformedError('another version of the protocol', { version: payload[0]! })
    this.#greeted = true
    this.#settleReady.resolve()
  }

  #closedByPeer(payload: Uint8Array): void {
    const reason = errorFromWire(decodeWireError(payload))
    const refused = !this.#greeted && (reason instanceof DeniedError || reason instanceof BusyError)
    const facts = { reason: reason.code }
    this.#end(
      refused ? reason : new UnreachableError('the peer closed the connection', facts, { cause: reason }),
    )
  }

  /** Frames that change nothing are allowed, but not for free. */
  #count(effect: boolean): void {
    if (!effect && ++this.#idleFrames > MAX_IDLE_FRAMES)
      throw new MalformedError('a flood of frames without effect')
  }

  #breach(error: unknown): void {
    if (error instanceof AllmendErrorType) {
      this.#end(error, { breach: true })
      return
    }
    this.#o.onFault(error)
    this.#end(new InternalError('a fault while receiving', {}, { cause: error }))
  }

  #end(reason: AllmendError, how: { mine?: boolean; breach?: boolean } = {}): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopTicking?.()
    this.#decoder.stop()
    this.#requester.stop(reason)
    this.#responder.stop(reason)
    this.#settleReady.reject(reason)
    const { link, onEnd } = this.#o
    if (how.mine === true || how.breach === true) {
      // Best effort: to a peer that still reads it says why.
      this.#outbox.frame(FRAME.close, 0, encodeWireError(errorToWire(reason)))
      this.#outbox.flush()
    }
    this.#outbox.stop()
    this.#pace.up.close()
    this.#pace.down.close()
    if (how.mine === true) link.end(CLOSE_GRACE_MS)
    else link.destroy()
    onEnd(how.breach === true ? reason : undefined)
    this.#settleClosed(how.mine === true ? undefined : reason)
  }

  /** A request went out. */
  #asked(): void {
    if (this.#requester.open === 1) this.#heardAt = this.#o.clock.now()
    this.#startTicking()
  }

  #startTicking(): void {
    if (this.#ended || this.#stopTicking !== undefined) return
    this.#silentTicks = 0
    this.#inStalled = 0
    this.#outStalled = 0
    this.#unfetched = 0
    this.#unanswered = 0
    this.#stopTicking = this.#o.clock.every(TICK_MS, () => this.#tick())
  }

  #tick(): void {
    const { heard, alive } = this.#takeTickState()
    this.#silentTicks = heard || this.#requester.open === 0 ? 0 : this.#silentTicks + 1
    const silentMs = this.#o.clock.now() - this.#heardAt
    if (this.#silentTicks >= SILENT_TICKS && silentMs >= SILENT_MS) {
      this.#end(new UnreachableError('the peer is silent', { silentMs }))
    } else if (this.#inStalled >= STALLED_TICKS || this.#outStalled >= STALLED_TICKS) {
      this.#end(new UnreachableError('the peer makes no progress', { stalledMs: STALLED_TICKS * TICK_MS }))
    } else if (this.#unfetched >= UNFETCHED_TICKS) {
      this.#end(
        new UnreachableError('the peer does not fetch its answers', { waitedMs: UNFETCHED_TICKS * TICK_MS }),
      )
    } else if (this.#unanswered >= UNANSWERED_TICKS) {
      this.#end(new UnreachableError('the peer is silent', { silentMs: UNANSWERED_TICKS * TICK_MS }))
    } else if (alive) this.#sayAlive()
    else if (!heard && this.isIdle && this.#unanswered === 0) {
      this.#stopTicking?.()
      this.#stopTicking = undefined
      this.#outbox.rest()
    }
  }

  get isIdle(): boolean {
    return this.#requester.open === 0 && this.#responder.open === 0 && !this.#outbox.blocked
  }

  get heardAt(): number {
    return this.#heardAt
  }

  #sayAlive(): void {
    const isAnswered = this.#handedWhenHeard === this.#outbox.handed
    this.#outbox.frame(FRAME.alive, 0)
    this.#outbox.flush()
    // Nobody answers it.
    if (isAnswered) this.#handedWhenHeard = this.#outbox.handed
    // It doesn't count as having said something: the next one is due at the next tick.
    this.#handedAtTick = this.#outbox.handed
  }

  /** Reads and resets what happened since the last tick. */
  #takeTickState(): { heard: boolean; alive: boolean } {
    const { handed, taken, blocked, bodyProgress } = this.#outbox
    const heard = this.#heard
    const sent = handed !== this.#handedAtTick
    const stalled = this.#responder.receiving && this.#bodyBytes < MIN_PROGRESS_BYTES
    this.#inStalled = stalled ? this.#inStalled + 1 : 0
    if (!stalled) this.#bodyBytes = 0
    this.#outStalled = blocked && taken === this.#takenAtTick ? this.#outStalled + 1 : 0
    const isUnfetched = this.#responder.offering && bodyProgress - this.#fetchedProgress < MIN_PROGRESS_BYTES
    this.#unfetched = isUnfetched ? this.#unfetched + 1 : 0
    if (!isUnfetched) this.#fetchedProgress = bodyProgress
    this.#unanswered = heard || handed === this.#handedWhenHeard ? 0 : this.#unanswered + 1
    const isEchoDue = this.#heardWork && handed === this.#handedAtWork
    const alive = (isEchoDue || (this.#responder.open > 0 && !sent)) && !blocked
    this.#heard = false
    this.#heardWork = false
    this.#idleFrames = 0
    this.#handedAtTick = handed
    this.#takenAtTick = taken
    return { heard, alive }
  }
}
