/**
 * Watches the raw bytes of an encrypted stream before the library reads them.
 *
 * A stream is a sequence of records: a 24-bit length (little-endian), then so many bytes of ciphertext. The library allocates what a
 * record announces, up to 16 MiB, and swallows empty ones, so a peer could make it hold and do much before we see a byte. The guard
 * destroys the stream at the first header out of range.
 *
 * Invariants: of what has arrived in order, all but one record has been handed on as plaintext; what came out of order is
 * bounded by what can come between two audits.
 */
import NoiseSecretStream from '@hyperswarm/secret-stream'
import type { SecretStreamOptions } from '@hyperswarm/secret-stream'
import type { UdxStream } from 'udx-native'
import { MalformedError, UnreachableError } from '../../../core/open/errors.ts'

/** Plaintext of one record; as a frame of ours, so that small frames never wait for more of the line than that. */
export const MAX_RECORD_PLAIN_BYTES = 64 * 1024
/** Poly1305's tag and a byte that says what follows. */
const RECORD_OVERHEAD_BYTES = 17
const MAX_RECORD_BYTES = MAX_RECORD_PLAIN_BYTES + RECORD_OVERHEAD_BYTES
/** Keepalives; the other side sends one each 5 s when idle. One more is allowed each second. */
const EMPTY_BURST = 32
const EMPTY_EACH_MS = 1000

const PACKET_HEADER_BYTES = 20
/**
 * UDX keeps what comes behind a gap without limit, and only tells how much came in all. What didn't come in order counts as held:
 * that is too much by repeated packets. An honest sender has at most its window of 4 MiB behind a gap; over lines that lose packets, or
 * have short queues, up to a third of what comes has been seen to come twice. Above this many bytes and this part of its traffic a
 * stream is ended, to be dialled again. Nobody is blamed: these packets are authenticated by nothing, so whoever saw the stream may have sent them.
 */
const MAX_HELD_BYTES = 8 * 1024 * 1024
const HONEST_SHARE = 1 / 2
/** What all streams of a node may hold, so counted; beyond it the one that holds most is ended, to be dialled again. */
const MAX_ALL_HELD_BYTES = 64 * 1024 * 1024
/** What a line of 1 Gbit/s can bring between two looks: 12 MB. */
export const AUDIT_MS = 100

/** Follows the records of one stream. */
export class RecordGuard {
  readonly #now: () => number
  #headerBytes = 0
  #length = 0
  #left = 0
  #empty = 0
  #emptySince: number

  constructor(now: () => number) {
    this.#now = now
    this.#emptySince = now()
  }

  /** Takes the next bytes of the stream; throws MalformedError for a record that it may not have. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#left > 0) {
        const take = Math.min(this.#left, bytes.length - at)
        this.#left -= take
        at += take
        continue
      }
      this.#length += bytes[at++]! << (8 * this.#headerBytes)
      if (++this.#headerBytes === 3) this.#open()
    }
  }

  #open(): void {
    const length = this.#length
    if (length < RECORD_OVERHEAD_BYTES || length > MAX_RECORD_BYTES)
      throw new MalformedError('record length out of range', { length })
    if (length === RECORD_OVERHEAD_BYTES) this.#countEmpty()
    this.#left = length
    this.#length = 0
    this.#headerBytes = 0
  }

  #countEmpty(): void {
    const now = this.#now()
    const spare = Math.floor((now - this.#emptySince) / EMPTY_EACH_MS)
    this.#empty = Math.max(0, this.#empty - spare)
    this.#emptySince += spare * EMPTY_EACH_MS
    if (++this.#empty > EMPTY_BURST) throw new MalformedError('a flood of empty records')
  }
}

/** An encrypted stream whose raw bytes are guarded. */
export class GuardedStream extends NoiseSecretStream {
  /** Why a guard ended it, if the peer is to blame. */
  breach: MalformedError | undefined
  /** Raw bytes that came in order. */
  #inOrder = 0

  constructor(isInitiator: boolean, rawStream: UdxStream | null, options: SecretStreamOptions) {
    super(isInitiator, null, { ...options, enableSend: false, autoStart: false })
    if (rawStream !== null && options.autoStart !== false) this.start(rawStream, options)
  }

  override start(rawStream: UdxStream, options: SecretStreamOptions): void {
    const guard = new RecordGuard(() => performance.now())
    // Prepended, as `on` would start the flow before the library listens.
    rawStream.prependListener('data', (bytes: Uint8Array) => {
      this.#inOrder += bytes.length
      if (this.destroying) return
      try {
        guard.push(bytes)
      } catch (error) {
        this.breach = error as MalformedError
        this.destroy(this.breach)
      }
    })
    super.start(rawStream, options)
  }

  /** Bytes that it may hold out of order; ends the stream when they are more than honest ones need. */
  audit(): number {
    const raw = this.rawStream
    if (raw === null || this.destroying) return 0
    const held = raw.bytesReceived - raw.packetsReceived * PACKET_HEADER_BYTES - this.#inOrder
    if (held <= MAX_HELD_BYTES || held <= HONEST_SHARE * (this.#inOrder + raw.bytesTransmitted)) return held
    this.destroy(new UnreachableError('too many packets far ahead of what is missing', { held }))
    return 0
  }
}

/** Keeps what comes out of order within bounds, over all streams of a node; to be called every AUDIT_MS. */
export function auditStreams(streams: Iterable<GuardedStream>): void {
  let all = 0
  let most: { readonly stream: GuardedStream; readonly held: number } | undefined
  for (const stream of streams) {
    const held = stream.audit()
    all += held
    if (held > (most?.held ?? 0)) most = { stream, held }
  }
  if (all > MAX_ALL_HELD_BYTES) most?.stream.destroy()
}
