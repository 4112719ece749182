/**
 * Authenticated connections between nodes, and requests over them in both directions.
 *
 * Hard promises of every adapter:
 * - Both ends know the other's Ed25519 net key before the first byte of a request; the dialler gets exactly the peer that it
 *   named or an UntrustedError.
 * - A request has at most one effect-bearing delivery; when no answer came (`unreachable`), its outcome is unknown, so
 *   requests that change something must be idempotent. The transport never retries by itself.
 * - Memory is bounded: what a peer may have in flight is granted by the receiver, for all its connections together; a peer
 *   that exceeds it, or sends malformed frames, is dropped and refused for a while.
 * - A dead or stalled peer is noticed within 3 s while a request is outstanding.
 * - Bodies arrive whole or not at all; order between requests is not promised.
 */
import type { AllmendError } from '../core/open/errors.ts'
import type { Line } from './line.ts'

/** One message's small structured part, at most 64 KiB. */
export const MAX_HEAD_BYTES = 64 * 1024
/** One message's bulk part: a shard of 4 MiB and its index, or an operation of 4 MiB with its lists. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024
/** From here on a body is bulk: it tells how fast the line is, smaller ones how long a round trip takes. */
export const BULK_BYTES = 64 * 1024

export interface Message {
  readonly head: Uint8Array
  readonly body: Uint8Array
}

export interface IncomingRequest extends Message {
  readonly method: number
  /** The authenticated raw Ed25519 key of the sender, 32 bytes. */
  readonly peerKey: Uint8Array
  readonly connection: Connection
  /** Aborts when the sender cancels or its connection is gone. */
  readonly signal: AbortSignal
}

/** Answers one request; what it throws travels back as a typed error. */
export type RequestHandler = (request: IncomingRequest) => Promise<Message>

export interface RequestOptions {
  readonly signal?: AbortSignal
  /**
   * Milliseconds until the request fails as unreachable; default 30,000. It begins anew for bodies that have moved 16 KiB for each 15 s of it, and
   * for what this node's own limits or memory kept waiting: a slow line is no dead peer.
   */
  readonly timeoutMs?: number
  /** Called with the body bytes handed to the network so far. */
  readonly onSent?: (bytes: number) => void
  /** Called with the bytes of the answer's body that are here so far; not for a body that came in one piece. */
  readonly onReceived?: (bytes: number) => void
  /**
   * The caller asks again when the request is given back because another way to the peer is tried: with UnreachableError and the fact
   * `networkChanged`. Without it no request is.
   */
  readonly isMovable?: boolean
  /** The answer's body, bytes, where it is known: reserving memory for it in advance saves a round trip. No limit. */
  readonly expectBodyBytes?: number
}

export interface Connection {
  /** The peer's raw Ed25519 key, 32 bytes. */
  readonly peerKey: Uint8Array
  /** host:port as seen from here. */
  readonly remoteAddress: string
  request(method: number, message: Message, options?: RequestOptions): Promise<Message>
  /** Resolves (never rejects) when the connection is gone, with the reason if it was not `close()`. */
  readonly closed: Promise<AllmendError | undefined>
  /** The transport knows a better way to this peer by now: dial again for what is asked next. It is closed when it has been idle. */
  readonly retiring?: boolean
  /** A limit of this node's line holds for it at the moment: how fast it is says nothing of the way. */
  readonly isLimited?: boolean
  close(): Promise<void>
}

export interface DialOptions {
  /** Answers requests that the peer sends over this connection; without one they are refused. */
  readonly handler?: RequestHandler
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface ListenOptions {
  /** `host:port`; port 0 lets the system choose. */
  readonly address: string
  readonly handler: RequestHandler
  /** Refuses a peer at the end of the handshake (before any request) by returning false. */
  readonly admit?: (peerKey: Uint8Array) => boolean
  readonly onConnection?: (connection: Connection) => void
  /**
   * Frees each request's body as soon as its handler has settled, and each answer's once it is sent or given up, instead of
   * when the garbage collector comes by: for handlers that keep nothing of them. Whoever kept one finds it empty.
   */
  readonly freeBodies?: boolean
  /** The largest body accepted for a method, bytes; default MAX_BODY_BYTES. */
  readonly maxBodyBytes?: (method: number) => number
}

export interface Listener {
  /** The bound `host:port`. */
  readonly address: string
  close(): Promise<void>
}

export interface Transport {
  readonly kind: 'tls' | 'udp' | 'auto' | 'memory'
  /** This node's raw Ed25519 net key. */
  readonly publicKey: Uint8Array
  listen(options: ListenOptions): Promise<Listener>
  /** Connects to `address` (in a form that this kind knows) and accepts only the peer with this id (H("peer", net key), 32 bytes). */
  dial(address: string, peerId: Uint8Array, options?: DialOptions): Promise<Connection>
  /** What was measured on the way to a peer, by earlier processes too: ms, bytes a second. */
  known?(peerId: Uint8Array): KnownPeer | undefined
  /** What this node may move over the household's line; undefined where nothing limits it. */
  readonly line?: Line | undefined
  /** Ends every listener and connection. */
  close(): Promise<void>
}

export interface KnownPeer {
  readonly roundTripMs?: number
  readonly goodput?: number
}
