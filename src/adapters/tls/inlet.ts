import { Buffer } from 'node:buffer'
import type { OnReadOpts, Socket } from 'node:net'

/** What Node reads at once. */
const INLET_BYTES = 64 * 1024

/**
 * Receives a dialled socket's bytes through one buffer that is used again: half of the CPU and memory of a new buffer for every
 * 64 KiB. Node offers that for sockets that it connects itself, not for accepted ones. What arrives before `open` stops the reading,
 * so no more than one read of it is held.
 */
export class Inlet {
  /** For `tls.connect`. */
  readonly onread: OnReadOpts
  #take: ((bytes: Uint8Array) => void) | undefined
  #early: Uint8Array[] = []

  constructor() {
    this.onread = {
      buffer: Buffer.allocUnsafeSlow(INLET_BYTES),
      callback: (length, buffer) => this.#arrived(buffer.subarray(0, length)),
    }
  }

  /** From here on `take` gets what arrives, in pieces that are valid until it returns. */
  open(socket: Socket, take: (bytes: Uint8Array) => void): void {
    this.#take = take
    for (const bytes of this.#early) take(bytes)
    this.#early = []
    socket.resume()
  }

  #arrived(bytes: Uint8Array): boolean {
    if (this.#take === undefined) {
      this.#early.push(new Uint8Array(bytes))
      return false
    }
    this.#take(bytes)
    return true
  }
}
