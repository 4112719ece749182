/**
 * How the pool's nodes say that they are reached. In memory only: after a restart providers say it again at once, others within a minute. Nothing here is
 * trusted by anybody: who dials an address proves the key that he wants.
 */
import { toHex } from '../../core/open/bytes.ts'
import type { NetworkSelf } from '../../core/open/protocol/network-methods.ts'
import type { Clock } from '../../ports/clock.ts'

/** Nodes tell each minute. */
const TELL_TIMEOUT_MS = 150_000

/** What a tracker's composition root knows of the network. */
export interface TrackerNetwork {
  /** The tracker's raw net key. */
  readonly key: Uint8Array
  /** How the tracker itself is reached; undefined while nobody knows. */
  readonly self: () => NetworkSelf | undefined
  /** Raw net keys of nodes that are neither provider nor device and yet belong to the pool. */
  readonly nodes: readonly Uint8Array[]
}

interface Told extends NetworkSelf {
  /** Monotonic milliseconds. */
  readonly at: number
}

export class NetworkDirectory {
  readonly #clock: Clock
  readonly #told = new Map<string, Told>()
  /** Undefined where the tracker is no node of a network. */
  readonly own: TrackerNetwork | undefined

  constructor(clock: Clock, own: TrackerNetwork | undefined) {
    this.#clock = clock
    this.own = own
  }

  /** Raw net keys of nodes that are neither provider nor device. */
  get nodes(): readonly Uint8Array[] {
    return this.own?.nodes ?? []
  }

  /** Takes in what a node of the pool said of itself; callers are known, so their number is bounded. */
  tell(peerId: Uint8Array, self: NetworkSelf): void {
    this.#told.set(toHex(peerId), { ...self, at: this.#clock.monotonic() })
  }

  /** Keys of the relays that told of themselves within the last minutes. */
  relays(): Uint8Array[] {
    return [...this.#told.values()].filter((told) => this.#isFresh(told)).flatMap(({ relay }) => relay ?? [])
  }

  /** What a node said of itself within the last minutes. */
  told(peerId: Uint8Array): NetworkSelf | undefined {
    const told = this.#told.get(toHex(peerId))
    return told !== undefined && this.#isFresh(told) ? told : undefined
  }

  #isFresh({ at }: Told): boolean {
    return this.#clock.monotonic() - at < TELL_TIMEOUT_MS
  }
}
