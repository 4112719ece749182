import { fromHex, toHex } from '../../core/open/bytes.ts'
import { CancelledError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Discovery } from '../../ports/discovery.ts'
import { MAX_FOUND, RECORD_MS } from '../../ports/discovery.ts'

/** A network of memory: who announced what, until when. */
export class MemoryRendezvous {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** By topic, by key: monotonic time of expiry. */
  readonly #records = new Map<string, Map<string, number>>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** This network as the node with this key sees it. */
  join(key: Uint8Array): Discovery {
    const name = toHex(key)
    return {
      announce: async (topic, signal) => {
        throwIfAborted(signal)
        const records = this.#records.get(toHex(topic)) ?? new Map<string, number>()
        this.#records.set(toHex(topic), records.set(name, this.#clock.monotonic() + RECORD_MS))
      },
      withdraw: async (topic, signal) => {
        throwIfAborted(signal)
        this.#records.get(toHex(topic))?.delete(name)
      },
      lookup: async (topic, signal) => {
        throwIfAborted(signal)
        const now = this.#clock.monotonic()
        return [...(this.#records.get(toHex(topic)) ?? [])]
          .filter(([, until]) => until > now)
          .slice(0, MAX_FOUND)
          .map(([found]) => fromHex(found)!)
      },
    }
  }

  /** Announcements that have not expired. */
  get size(): number {
    const now = this.#clock.monotonic()
    let size = 0
    for (const records of this.#records.values())
      for (const until of records.values()) if (until > now) size++
    return size
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CancelledError('a search was cancelled')
}
