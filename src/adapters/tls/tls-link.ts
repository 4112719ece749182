import type { TLSSocket } from 'node:tls'
import type { ByteLink } from '../wire/link.ts'
import type { Session } from '../wire/session.ts'
import { formatAddress } from './address.ts'

/** How long a silent connection may be dead before the system notices, ms; busy ones are watched by the session. */
const KEEPALIVE_MS = 30_000

/** A handshaken TLS socket as a byte link. */
export class TlsLink implements ByteLink {
  readonly remoteAddress: string
  readonly #socket: TLSSocket

  constructor(socket: TLSSocket) {
    this.#socket = socket
    this.remoteAddress = formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE_MS)
    socket.setTimeout(0)
  }

  /** From here on the session gets what arrives, and learns of the end. */
  attach(session: Session): void {
    let cause: unknown
    this.#socket.on('error', (error) => {
      cause = error
    })
    this.#socket.on('close', () => session.lost(cause))
    this.#socket.on('end', () => session.lost())
    // Not freed at once: Node cuts several chunks from one buffer.
    this.#socket.on('data', (chunk: Buffer) => session.receive(chunk))
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#socket.write(bytes, (error) => {
      if (error === null || error === undefined) done()
    })
  }

  end(graceMs: number): void {
    const timer = setTimeout(() => this.#socket.destroy(), graceMs)
    timer.unref()
    this.#socket.once('close', () => clearTimeout(timer))
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
