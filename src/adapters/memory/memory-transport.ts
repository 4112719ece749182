/**
 * A network within one process: the same sessions, frames and budgets as over TLS, on byte streams that are queues. Keys are
 * believed, not proven.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { CancelledError, DeniedError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { Connection, DialOptions, Listener, ListenOptions, Transport } from '../../ports/transport.ts'
import type { PeerAccounts } from '../wire/peer-accounts.ts'
import { sha256PeerId } from '../wire/peer-id.ts'
import type { Adoption, SessionHostOptions } from '../wire/session-host.ts'
import { SessionHost } from '../wire/session-host.ts'
import { Session } from '../wire/session.ts'
import type { MemoryLink } from './memory-transport-link.ts'
import { memoryLinks } from './memory-transport-link.ts'

interface Bound {
  readonly transport: MemoryTransport
  readonly options: ListenOptions
  readonly adoption: Adoption
}

/** The addresses that are listened on, and every stream's two ends for tests to stall. */
export class MemoryNetwork {
  readonly bound = new Map<string, Bound>()
  readonly links: [MemoryLink, MemoryLink][] = []
  #nextPort = 1

  /** A node with this raw Ed25519 key. */
  transport(publicKey: Uint8Array, options: SessionHostOptions = {}): MemoryTransport {
    return new MemoryTransport(this, publicKey, options)
  }

  freePort(): number {
    return this.#nextPort++
  }
}

export class MemoryTransport implements Transport {
  readonly kind = 'memory'
  readonly publicKey: Uint8Array
  readonly #network: MemoryNetwork
  readonly #host: SessionHost
  readonly #listeners = new Set<Listener>()
  readonly #dialled = new Set<Session>()
  #closed = false

  constructor(network: MemoryNetwork, publicKey: Uint8Array, options: SessionHostOptions) {
    this.#network = network
    this.publicKey = publicKey
    this.#host = new SessionHost(options)
  }

  listen(options: ListenOptions): Promise<Listener> {
    const [host, port] = options.address.split(':')
    const address = port === '0' ? `${host}:${this.#network.freePort()}` : options.address
    const { bound } = this.#network
    if (bound.has(address)) return Promise.reject(new UnreachableError('cannot listen there', { address }))
    const owner = new Set<Session>()
    const { handler, maxBodyBytes, freeBodies } = options
    bound.set(address, { transport: this, options, adoption: { handler, maxBodyBytes, freeBodies, owner } })
    const listener: Listener = {
      address,
      close: async () => {
        if (!this.#listeners.delete(listener)) return
        bound.delete(address)
        await Promise.all([...owner].map((session) => session.close()))
      },
    }
    this.#listeners.add(listener)
    return Promise.resolve(listener)
  }

  async dial(address: string, peerId: Uint8Array, options: DialOptions = {}): Promise<Connection> {
    if (this.#closed) throw new UnreachableError('the transport is closed')
    if (options.signal?.aborted === true) throw new CancelledError('cancelled before dialling')
    const refused = this.#host.refused(peerId)
    if (refused !== undefined) throw refused
    const there = this.#network.bound.get(address)
    if (there === undefined) throw new UnreachableError('cannot connect', { address })
    const peerKey = there.transport.publicKey
    if (!equalBytes(sha256PeerId(peerKey), peerId)) {
      throw new UntrustedError('somebody else answers at this address', { address, expected: toHex(peerId) })
    }
    if (there.options.admit?.(this.publicKey) === false) throw new DeniedError('this node is not open to you')
    const [near, far] = memoryLinks('memory:0', address)
    this.#network.links.push([near, far])
    const theirs = there.transport.#host.adopt(this.publicKey, there.adoption, () => far)
    if (!(theirs instanceof Session)) throw theirs
    const mine = this.#host.adopt(peerKey, { handler: options.handler, owner: this.#dialled }, () => near)
    if (!(mine instanceof Session)) {
      await theirs.close()
      throw mine
    }
    there.options.onConnection?.(theirs)
    await mine.ready
    return mine
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
