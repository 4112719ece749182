/**
 * How many requests of the DHT a node answers. An answer to a lookup may be fifteen times as long as the question, whose sender can be forged: without
 * a bound, nodes would be a lever against others' lines, and spend their own CPU on it.
 *
 * Invariants: what one address may ask is bounded, and so is what all may; the number of addresses that are remembered is. This machine's own
 * is free, as whole pools run on one. What is dropped is asked again by honest nodes a second later.
 */

/** A provider of a small pool announces all its prefixes at its start to each other node: some 800 requests, for homes of a few. */
const HOST_BURST = 4000
/** Towards an address that somebody has forged that is 0.6 MB a second. */
const HOST_PER_SECOND = 500
/** A fifth of a core. */
const ALL_BURST = 20_000
const ALL_PER_SECOND = 5000
/** Some hundred bytes each; the one unseen for longest is forgotten first. */
const MAX_HOSTS = 4096

interface Asker {
  left: number
  at: number
}

export class RequestGate {
  readonly #now: () => number
  readonly #own: string
  readonly #hosts = new Map<string, Asker>()
  readonly #all: Asker

  /** `own` is this machine's address; `now` in ms. */
  constructor(own: string, now: () => number) {
    this.#own = own
    this.#now = now
    this.#all = { left: ALL_BURST, at: now() }
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#hosts.size
  }

  /** Whether to answer a request from this address. */
  enter(host: string): boolean {
    if (host === this.#own) return true
    const asker = this.#hosts.get(host) ?? { left: HOST_BURST, at: this.#now() }
    this.#hosts.delete(host)
    this.#hosts.set(host, asker)
    if (this.#hosts.size > MAX_HOSTS) this.#hosts.delete(this.#hosts.keys().next().value!)
    return this.#take(asker, HOST_BURST, HOST_PER_SECOND) && this.#take(this.#all, ALL_BURST, ALL_PER_SECOND)
  }

  #take(asker: Asker, burst: number, perSecond: number): boolean {
    const now = this.#now()
    asker.left = Math.min(burst, asker.left + ((now - asker.at) / 1000) * perSecond)
    asker.at = now
    if (asker.left < 1) return false
    asker.left--
    return true
  }
}
