import type { Pace } from './pace.ts'

/** Bytes of one body that may still be unsent when the next one begins: asking for its grant takes a round trip. */
const AHEAD_BYTES = 1024 * 1024
/** The line holds what it moves in one round trip; twice that, and it never runs dry while the rate is still being found out. */
const AHEAD_ROUND_TRIPS = 2

interface Waiting {
  readonly length: number
  readonly enter: () => void
}

/** A body's turn. */
export interface Turn {
  /** So many bytes of the body are out, for the first time or not. */
  sent(bytes: number): void
  /** The others, waiting or sent and not acknowledged, learn that the peer gets on. */
  moved(): void
  /** It is over, sent or not. */
  end(): void
}

/**
 * Bodies for one peer, one after the other instead of side by side: when the connection breaks only one has been sent in part, or as many
 * as the line itself holds, not all that were to be sent; and the first is there sooner.
 */
export class SendQueue {
  readonly #pace: Pick<Pace, 'roundTripMs' | 'up'>
  readonly #waiting = new Set<Waiting>()
  /** Of all bodies that are not over, what tells of progress. */
  readonly #here = new Set<{ readonly onMoved: () => void }>()
  #unsent = 0

  constructor(pace: Pick<Pace, 'roundTripMs' | 'up'>) {
    this.#pace = pace
  }

  /** Waits for the turn of a body of so many bytes, at most until the signal; `onMoved` is called when others get on. */
  async enter(length: number, onMoved: () => void, signal: AbortSignal): Promise<Turn> {
    const me = { onMoved }
    this.#here.add(me)
    if (this.#waiting.size === 0 && this.#hasRoom()) this.#unsent += length
    else await this.#wait(length, signal)
    let left = length
    const leave = (bytes: number): void => {
      this.#unsent -= bytes
      left -= bytes
      this.#admit()
    }
    return {
      sent: (bytes) => leave(Math.max(0, bytes - (length - left))),
      moved: () => {
        for (const other of this.#here) if (other !== me) other.onMoved()
      },
      end: () => {
        this.#here.delete(me)
        leave(left)
      },
    }
  }

  #wait(length: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting: Waiting = { length, enter: resolve }
    this.#waiting.add(waiting)
    // Who was stopped gets his turn, too: what he does next tells him.
    const stopped = (): void => {
      if (this.#waiting.has(waiting)) this.#let(waiting)
    }
    signal.addEventListener('abort', stopped, { once: true })
    if (signal.aborted) stopped()
    return promise.finally(() => signal.removeEventListener('abort', stopped))
  }

  #hasRoom(): boolean {
    const { roundTripMs = 0, up } = this.#pace
    const held = ((up.rate ?? 0) * roundTripMs * AHEAD_ROUND_TRIPS) / 1_000
    return this.#unsent <= Math.max(AHEAD_BYTES, held)
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom()) return
      this.#let(waiting)
    }
  }

  #let(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    this.#unsent += waiting.length
    waiting.enter()
  }
}
