import type NoiseSecretStream from '@hyperswarm/secret-stream'
import type { ByteLink } from '../wire/link.ts'
import type { Session } from '../wire/session.ts'
import { formatAddress } from '../wire/address.ts'
import { MAX_RECORD_PLAIN_BYTES } from './guards/record-guard.ts'

/** A silent stream ends after this many ms; both sides' keepalives come each 5 s. */
export const STREAM_TIMEOUT_MS = 8000

/** Below it a write may be taken without a `drain`, as streamx's high-water mark is 16 KiB. */
const SMALL_WRITE_BYTES = 16 * 1024

/** An encrypted stream over UDP as a byte link: the records' boundaries mean nothing. */
export class UdpLink implements ByteLink {
  readonly remoteAddress: string
  readonly isRelayed: boolean
  readonly #stream: NoiseSecretStream
  readonly #early: Uint8Array | undefined
  #untaken: (() => void)[] = []

  /** `early` is what arrived before the link was made. */
  constructor(stream: NoiseSecretStream, isRelayed: boolean, early?: Uint8Array) {
    this.#stream = stream
    this.isRelayed = isRelayed
    this.#early = early
    const raw = stream.rawStream
    this.remoteAddress = formatAddress(raw?.remoteHost ?? '', raw?.remotePort ?? 0)
    stream.setTimeout(STREAM_TIMEOUT_MS)
    stream.on('drain', () => {
      const untaken = this.#untaken
      this.#untaken = []
      for (const done of untaken) done()
    })
  }

  /** From here on the session gets what arrives, and learns of the end. */
  attach(session: Session): void {
    let cause: unknown
    this.#stream.on('error', (error) => {
      cause = error
    })
    this.#stream.on('close', () => session.lost(cause))
    this.#stream.on('end', () => session.lost())
    if (this.#early !== undefined) session.receive(this.#early)
    // Never paused: UDX goes on taking what arrives, so a paused reader would hold without bound. The session takes all and
    // ends who sends what it was not granted.
    this.#stream.on('data', (bytes: Uint8Array) => session.receive(bytes))
  }

  write(bytes: Uint8Array, done: () => void): void {
    if (this.#stream.destroying) return
    // The library encrypts a record into a buffer of its own when its turn comes; until then the bytes must not change. A small
    // write is copied and done at once, a large one at `drain`.
    const small = bytes.length < SMALL_WRITE_BYTES
    // A Buffer's own `slice` would copy nothing.
    const source = small ? new Uint8Array(bytes) : bytes
    let room = true
    for (let at = 0; at < source.length; at += MAX_RECORD_PLAIN_BYTES)
      room = this.#stream.write(source.subarray(at, at + MAX_RECORD_PLAIN_BYTES))
    if (room && small) queueMicrotask(done)
    else this.#untaken.push(done)
  }

  end(graceMs: number): void {
    if (this.#stream.destroyed) return
    const timer = setTimeout(() => this.#stream.destroy(), graceMs)
    timer.unref()
    this.#stream.once('close', () => clearTimeout(timer))
    this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }
}
