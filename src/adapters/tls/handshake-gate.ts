/**
 * Bounds what strangers can make a listener hold before they have shown a key.
 *
 * Invariants: at most MAX_HALF_OPEN sockets, and MAX_HALF_OPEN_PER_ADDRESS from one address, are in a handshake; one more
 * ends the oldest, since an honest handshake takes milliseconds and an idle one only waits.
 */
import type { Socket } from 'node:net'

const MAX_HALF_OPEN = 256
export const MAX_HALF_OPEN_PER_ADDRESS = 64
/** A handshake's two round trips with losses; slower than this is on purpose. */
export const HANDSHAKE_TIMEOUT_MS = 5000

export class HandshakeGate {
  readonly #all = new Set<Socket>()
  readonly #byAddress = new Map<string, Set<Socket>>()

  get size(): number {
    return this.#all.size
  }

  /** Counts a fresh socket until `leave` or its end, and ends the oldest where there are too many. */
  enter(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const near = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, near.add(socket))
    this.#all.add(socket)
    socket.once('close', () => this.#leave(socket, address))
    if (near.size > MAX_HALF_OPEN_PER_ADDRESS) this.#evict(near, address)
    if (this.#all.size > MAX_HALF_OPEN) this.#evict(this.#all)
  }

  /** The handshake of the socket from this remote end is done. */
  leave(address: string, port: number): void {
    for (const socket of this.#byAddress.get(address) ?? []) {
      if (socket.remotePort !== port) continue
      this.#leave(socket, address)
      return
    }
  }

  /** Ends whatever is still in a handshake. */
  clear(): void {
    for (const socket of this.#all) socket.destroy()
  }

  #evict(sockets: Set<Socket>, address?: string): void {
    const [oldest] = sockets
    if (oldest === undefined) return
    this.#leave(oldest, address ?? oldest.remoteAddress ?? '')
    oldest.destroy()
  }

  #leave(socket: Socket, address: string): void {
    this.#all.delete(socket)
    const near = this.#byAddress.get(address)
    near?.delete(socket)
    if (near?.size === 0) this.#byAddress.delete(address)
  }
}
