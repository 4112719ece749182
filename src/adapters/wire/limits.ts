import { UsageError } from '../../core/open/errors.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'

const MIB = 1024 * 1024

/** Requests of one connection that may be unanswered at once; both sides count, more is a breach. */
export const MAX_OPEN_REQUESTS = 128
/** Heads and inline bodies of one connection's unanswered requests, bytes; both sides count, more is a breach. */
export const MAX_OPEN_BYTES = MIB
/** How often a busy session looks whether the other side is alive, and says that it is itself. */
export const TICK_MS = 250
/** Time without a byte, while an answer is awaited, after which the peer counts as dead: with a tick, under 3 s. */
export const SILENT_MS = 2500
/** Ticks that must pass in that time, so that what arrived while this process was held up is read first. */
export const SILENT_TICKS = 3
/** Ticks without progress after which a granted body, or a full socket, costs the connection: 15 s. */
export const STALLED_TICKS = 60
/** Ticks in which none of the answers on offer is fetched, after which they cost the connection: 60 s, since an honest
 * peer may be short of memory for them. */
export const UNFETCHED_TICKS = 240
/** Ticks without a byte after something was sent, though a peer that gets it says so within a tick: 60 s, in which an inline body
 * crosses a line of 1 KiB a second. */
export const UNANSWERED_TICKS = 240
/** Body bytes within STALLED_TICKS that count as progress. */
export const MIN_PROGRESS_BYTES = 16 * 1024
/**
 * Head and inline body up to which a message is control: it doesn't wait for a limited line. A heartbeat, a placement of a widest stripe
 * with its tickets, or a grant fits; what small reads and writes carry doesn't.
 */
export const CONTROL_BYTES = 4 * 1024
/** Whole frames that may wait for a peer that makes us answer but doesn't read: more than honest ones can cause. */
export const MAX_UNSENT_BYTES = 8 * MIB
/** Frames without effect (keepalives, late cancels and grants) that a peer may send between two ticks. */
export const MAX_IDLE_FRAMES = 1024
/** How long a peer that broke the protocol is refused. */
export const BAN_MS = 60_000
/** Refusals above the connection cap, within BAN_MS, after which it is no accident. */
export const MAX_REFUSALS = 64
/** An answer up to this size doesn't wait behind large ones. */
export const SMALL_ANSWER_BYTES = 64 * 1024
/** What an answer is taken to need until a method's first answer was seen: a shard. */
export const UNKNOWN_ANSWER_BYTES = 4 * MIB
/** Bytes handed to the socket at once: amortises calls, and is what an urgent frame may have to wait for. */
export const BATCH_BYTES = 256 * 1024
/** Batches given to the socket and not yet taken: one being sent, one ready. */
export const MAX_BATCHES = 2
/** How long a closing connection may take to deliver its last bytes. */
export const CLOSE_GRACE_MS = 1000
/** A request's default time until it fails as unreachable. */
export const REQUEST_TIMEOUT_MS = 30_000

/** Memory and connections that a transport may spend; bytes unless said otherwise. */
export interface WireLimits {
  /** Request bodies of one peer, over all its connections, from grant until the handler is done. */
  readonly peerRequestBytes: number
  /** Response bodies of one peer, from grant until delivery; what is accepted in advance leaves room for a largest body. */
  readonly peerResponseBytes: number
  /** Answers to one peer, from the start of the handler until they are sent. */
  readonly peerAnswerBytes: number
  /** Request bodies of all peers. */
  readonly requestBytes: number
  /** Response bodies of all peers. */
  readonly responseBytes: number
  /** Answers to all peers. */
  readonly answerBytes: number
  /** Connections. */
  readonly connectionsPerPeer: number
  /** Connections. */
  readonly connections: number
}

/**
 * A hostile peer costs at most peerRequestBytes and per connection MAX_OPEN_BYTES and buffers: under 24 MiB. What it makes us
 * answer is bounded by peerAnswerBytes.
 */
const DEFAULT_LIMITS: WireLimits = {
  peerRequestBytes: 12 * MIB,
  peerResponseBytes: 24 * MIB,
  peerAnswerBytes: 16 * MIB,
  requestBytes: 48 * MIB,
  responseBytes: 64 * MIB,
  answerBytes: 64 * MIB,
  connectionsPerPeer: 8,
  connections: 1024,
}

/** The defaults with changes; a budget that one largest body would not fit is a UsageError. */
export function wireLimits(changes: Partial<WireLimits> = {}): WireLimits {
  const limits = { ...DEFAULT_LIMITS, ...changes }
  for (const [name, value] of Object.entries(limits)) {
    const least = name.endsWith('Bytes') ? MAX_BODY_BYTES : 1
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError('transport limit too small', { name, least })
  }
  return limits
}
