import type { TLSSocket } from 'node:tls'
import type { ByteLink } from '../wire/link.ts'
import type { Session } from '../wire/session.ts'
import { formatAddress } from '../wire/address.ts'
import type { Inlet } from './inlet.ts'

/** How long a silent connection may be dead before the system notices, ms; busy ones are watched by the session. */
const KEEPALIVE_MS = 30_000

/** A handshaken TLS socket as a byte link. */
export class TlsLink implements ByteLink {
  readonly remoteAddress: string
  readonly #socket: TLSSocket
  readonly #inlet: Inlet | undefined

  /** `inlet` is the dialled socket's; an accepted one has none. */
  constructor(socket: TLSSocket, inlet?: Inlet) {
    this.#socket = socket
    this.#inlet = inlet
    this.remoteAddress = formatAddress(plainHost(socket.remoteAddress ?? ''), socket.remotePort ?? 0)
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
    const receive = (bytes: Uint8Array): void => session.receive(bytes)
    // Not freed at once: Node cuts several chunks from one buffer.
    if (this.#inlet === undefined) this.#socket.on('data', receive)
    else this.#inlet.open(this.#socket, receive)
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

/** A socket that listens over IPv6 too shows who comes over IPv4 as `::ffff:192.0.2.1`, which others can't dial. */
function plainHost(host: string): string {
  return /^::ffff:(?=\d+\.)/i.test(host) ? host.slice('::ffff:'.length) : host
}
