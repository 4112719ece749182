/**
 * The transport over TLS 1.3 and TCP.
 *
 * Invariants:
 * - Both sides show a self-signed certificate and prove its Ed25519 key; who shows another kind of key, none, or another ALPN
 *   is dropped. No CA, no names, no dates; no resumption, so that every connection proves both keys.
 * - The dialler sends nothing before it has compared the key with the peer id that it asked for.
 * - `dial` resolves when the listener has accepted, so being refused is an error of `dial`.
 */
import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, OnReadOpts, Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import * as tls from 'node:tls'
import type { AllmendError } from '../../core/open/errors.ts'
import { CancelledError, DeniedError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { encodeFrame, FRAME } from '../../core/open/wire/frame.ts'
import { errorToWire } from '../../core/open/errors.ts'
import { parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { encodeWireError } from '../../core/open/wire/wire-error.ts'
import type { Connection, DialOptions, Listener, ListenOptions, Transport } from '../../ports/transport.ts'
import { CLOSE_GRACE_MS } from '../wire/limits.ts'
import type { PeerAccounts } from '../wire/peer-accounts.ts'
import type { SessionHostOptions } from '../wire/session-host.ts'
import { SessionHost } from '../wire/session-host.ts'
import { Session } from '../wire/session.ts'
import { formatAddress, parseAddress } from '../wire/address.ts'
import { HANDSHAKE_TIMEOUT_MS, HandshakeGate } from './handshake-gate.ts'
import { Inlet } from './inlet.ts'
import type { NetCertificate } from './net-certificate.ts'
import { makeNetCertificate, netKeyOf } from './net-certificate.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import { cannotConnect, cannotListen } from '../wire/socket-error.ts'
import { TlsLink } from './tls-link.ts'

export const ALPN = 'allmend/1'
/** Refused connections that may linger until the other side has read why. */
const MAX_LINGERING = 16
const DIAL_TIMEOUT_MS = 10_000

export interface TlsTransportOptions extends SessionHostOptions {
  /** The 32-byte Ed25519 seed of this node's net key. */
  readonly seed: Uint8Array
}

/** Makes a transport with its certificate; UsageError for a bad seed or limits that don't hold one message. */
export async function createTlsTransport(options: TlsTransportOptions): Promise<TlsTransport> {
  return new TlsTransport(makeNetCertificate(options.seed), options)
}

export class TlsTransport implements Transport {
  readonly kind = 'tls'
  readonly publicKey: Uint8Array
  readonly #host: SessionHost
  readonly #tls: tls.SecureContextOptions
  readonly #context: tls.SecureContext
  readonly #listeners = new Set<Listener>()
  readonly #dialled = new Set<Session>()
  #refused = 0
  #closed = false

  constructor(certificate: NetCertificate, options: TlsTransportOptions) {
    this.publicKey = certificate.publicKey
    this.#host = new SessionHost(options)
    this.#tls = {
      key: certificate.key,
      cert: certificate.cert,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
      sigalgs: 'ed25519',
      secureOptions: constants.SSL_OP_NO_TICKET,
    }
    this.#context = tls.createSecureContext(this.#tls)
  }

  async listen(options: ListenOptions): Promise<Listener> {
    if (this.#closed) throw new UnreachableError('the transport is closed')
    const { host, port } = parseAddress(options.address)
    const gate = new HandshakeGate()
    const owner = new Set<Session>()
    const server = tls.createServer({
      ...this.#tls,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [ALPN],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      noDelay: true,
    })
    server.on('connection', (socket: Socket) => gate.enter(socket))
    // A failed handshake is the stranger's affair; node has destroyed the socket.
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    server.on('secureConnection', (socket) => {
      gate.leave(socket.remoteAddress ?? '', socket.remotePort ?? 0)
      this.#accept(socket, options, owner)
    })
    server.listen({ host, port })
    await once(server, 'listening').catch((error: unknown) => {
      throw cannotListen(options.address, error)
    })
    server.on('error', (error) => this.#host.onFault(error))
    const bound = server.address() as AddressInfo
    const listener: Listener = {
      address: formatAddress(bound.address, bound.port),
      close: async () => {
        if (!this.#listeners.delete(listener)) return
        const closed = once(server, 'close')
        server.close()
        await Promise.all([...owner].map((session) => session.close()))
        gate.clear()
        await closed
      },
    }
    this.#listeners.add(listener)
    return listener
  }

  #accept(socket: TLSSocket, options: ListenOptions, owner: Set<Session>): void {
    socket.on('error', () => socket.destroy())
    const peerKey = this.#identify(socket)
    if (peerKey === undefined || this.#closed) {
      socket.destroy()
      return
    }
    if (options.admit?.(peerKey) === false) {
      this.#refuse(socket, new DeniedError('this node is not open to you'))
      return
    }
    const { handler, maxBodyBytes, freeBodies } = options
    const session = this.#host.adopt(
      peerKey,
      { handler, maxBodyBytes, freeBodies, owner },
      () => new TlsLink(socket),
    )
    if (session instanceof Session) options.onConnection?.(session)
    else this.#refuse(socket, session)
  }

  /** `address` is `host:port`, or names it beside another way, which isn't taken here. */
  async dial(address: string, peerId: Uint8Array, options: DialOptions = {}): Promise<Connection> {
    const { host, port } = parseAddress(parsePeerAddress(address).tls ?? '')
    const { signal, timeoutMs = DIAL_TIMEOUT_MS } = options
    if (this.#closed) throw new UnreachableError('the transport is closed')
    if (signal?.aborted === true)
      throw new CancelledError('cancelled before dialling', {}, { cause: signal.reason })
    const refused = this.#host.refused(peerId)
    if (refused !== undefined) throw refused
    const inlet = new Inlet()
    const connect: ConnectionOptions & { readonly onread: OnReadOpts } = {
      host,
      port,
      secureContext: this.#context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ALPNProtocols: [ALPN],
      onread: inlet.onread,
    }
    const socket = tls.connect(connect)
    const gaveUp = Promise.withResolvers<never>()
    const cancelTimer = this.#host.clock.after(timeoutMs, () =>
      gaveUp.reject(new UnreachableError('no connection in time', { address, timeoutMs })),
    )
    const onAbort = (): void =>
      gaveUp.reject(new CancelledError('cancelled while dialling', {}, { cause: signal?.reason }))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([this.#greet({ socket, inlet }, address, peerId, options), gaveUp.promise])
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #greet(
    { socket, inlet }: { readonly socket: TLSSocket; readonly inlet: Inlet },
    address: string,
    peerId: Uint8Array,
    options: DialOptions,
  ): Promise<Session> {
    const failed = new Promise<never>((_, reject) => {
      socket.on('error', (cause) => reject(cannotConnect(address, cause)))
      socket.on('close', () => reject(cannotConnect(address)))
    })
    await Promise.race([once(socket, 'secureConnect'), failed])
    const peerKey = this.#identify(socket)
    if (peerKey === undefined || !equalBytes(sha256PeerId(peerKey), peerId)) {
      throw new UntrustedError('somebody else answers at this address', { address, expected: toHex(peerId) })
    }
    if (this.#closed) throw new UnreachableError('the transport is closed')
    const session = this.#host.adopt(
      peerKey,
      { handler: options.handler, owner: this.#dialled },
      () => new TlsLink(socket, inlet),
    )
    if (!(session instanceof Session)) throw session
    await session.ready
    return session
  }

  /** The key that the other side proved in the handshake; undefined where it doesn't speak our protocol. */
  #identify(socket: TLSSocket): Uint8Array | undefined {
    if (socket.alpnProtocol !== ALPN || socket.isSessionReused()) return undefined
    return netKeyOf(socket.getPeerX509Certificate())
  }

  /** Says why, then ends the connection. */
  #refuse(socket: TLSSocket, reason: AllmendError): void {
    const frame = encodeFrame(FRAME.close, 0, encodeWireError(errorToWire(reason)))
    if (this.#refused >= MAX_LINGERING) {
      socket.end(frame, () => socket.destroy())
      return
    }
    // Reading on lets the reason arrive: destroying a socket with unread bytes resets it.
    this.#refused++
    const timer = setTimeout(() => socket.destroy(), CLOSE_GRACE_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#refused--
    })
    socket.resume()
    socket.end(frame)
  }

  /** What is spent on each peer and in all. */
  get accounts(): PeerAccounts {
    return this.#host.accounts
  }

  async close(): Promise<void> {
    this.#closed = true
    const listeners = [...this.#listeners].map((listener) => listener.close())
    await Promise.all([...listeners, ...[...this.#dialled].map((session) => session.close())])
  }
}
