/** A body that counts: smaller ones measure the round trip, not the line. */
export const BULK_BYTES = 64 * 1024
/** A sample of less is mostly slow start. */
const SAMPLE_BYTES = 1024 * 1024

/** Bytes a second while bulk bodies are under way: what idles between them doesn't count. */
export class GoodputMeter {
  readonly #now: () => number
  readonly #onSample: (bytesPerSecond: number) => void
  #active = 0
  #since = 0
  #busyMs = 0
  #bytes = 0

  constructor(now: () => number, onSample: (bytesPerSecond: number) => void) {
    this.#now = now
    this.#onSample = onSample
  }

  /** A bulk body is under way. */
  begin(): void {
    if (this.#active++ === 0) this.#since = this.#now()
  }

  /** It has arrived with this many bytes, or failed with none. */
  end(bytes: number): void {
    const now = this.#now()
    this.#busyMs += now - this.#since
    this.#since = now
    this.#active--
    this.#bytes += bytes
    if (this.#bytes < SAMPLE_BYTES) return
    const perSecond = (this.#bytes / Math.max(this.#busyMs, 1)) * 1000
    this.#bytes = 0
    this.#busyMs = 0
    this.#onSample(perSecond)
  }
}
