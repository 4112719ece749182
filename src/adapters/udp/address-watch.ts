/**
 * Notices that the address under which others see this node has changed: at a home that happens outside of the machine, whose own
 * interfaces stay as they are, and the DHT would go on naming the old address for minutes.
 */
import type HyperDHT from 'hyperdht'
import type { HostPort } from 'hyperdht'
import type { WireClock } from '../wire/clock.ts'

/** How often one node of the DHT is asked; an announced node asks three of them each 3 s anyway. */
const LOOK_MS = 5000

export class AddressWatch {
  readonly #dht: HyperDHT
  readonly #changed: () => void
  readonly #stop: () => void
  #asked: HostPort | undefined
  /** As `#asked` saw us last. */
  #seen: HostPort | undefined
  #looking = false

  /** Calls `changed` after each change until closed. */
  constructor(dht: HyperDHT, clock: WireClock, changed: () => void) {
    this.#dht = dht
    this.#changed = changed
    this.#stop = clock.every(LOOK_MS, () => void this.#look())
  }

  close(): void {
    this.#stop()
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      // Another one may see another port of us, so it is the same one as long as it answers.
      const sameAsked = this.#asked !== undefined && this.#seen !== undefined
      this.#asked ??= this.#dht.toArray({ limit: 1 })[0]
      if (this.#asked === undefined) return
      const { to } = await this.#dht.ping(this.#asked)
      const before = this.#seen
      this.#seen = to
      // At first what the DHT took for our address when it joined.
      const host = before?.host ?? this.#dht.host ?? to.host
      if (host !== to.host || (sameAsked && before?.port !== to.port)) this.#changed()
    } catch {
      // It doesn't answer; the next look asks another.
      this.#asked = undefined
    } finally {
      this.#looking = false
    }
  }
}
