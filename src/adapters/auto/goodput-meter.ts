/** A sample of less is mostly slow start, unless it took long. */
const SAMPLE_BYTES = 1024 * 1024
/** After so long even few bytes are a sample: on a bad line a body takes half a minute. */
const SAMPLE_MS = 2000

/** What one body has moved so far, and that it is over. */
export interface MeteredBody {
  /** So many bytes in all have moved. */
  moved(total: number): void
  /** It has arrived with this many bytes, or failed with as many as had moved. */
  end(total?: number): void
}

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
  begin(): MeteredBody {
    if (this.#active++ === 0) this.#since = this.#now()
    let counted = 0
    const count = (total: number): void => {
      this.#bytes += Math.max(0, total - counted)
      counted = Math.max(counted, total)
      const now = this.#now()
      this.#busyMs += now - this.#since
      this.#since = now
    }
    return {
      moved: (total) => {
        count(total)
        if (this.#busyMs >= SAMPLE_MS) this.#sample()
      },
      end: (total = counted) => {
        count(total)
        this.#active--
        if (this.#bytes >= SAMPLE_BYTES || this.#busyMs >= SAMPLE_MS) this.#sample()
      },
    }
  }

  #sample(): void {
    const perSecond = (this.#bytes / Math.max(this.#busyMs, 1)) * 1000
    this.#bytes = 0
    this.#busyMs = 0
    this.#onSample(perSecond)
  }
}
