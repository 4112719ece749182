/**
 * What a request waits for on this side while the line is limited, before the peer hears of it: so peers neither wait for bodies that don't come
 * nor hold answers that nobody fetches, and no time limit runs meanwhile.
 */
import type { Reservation } from '../../core/open/byte-budget.ts'
import { MAX_INLINE_BYTES } from '../../core/open/wire/frame.ts'
import { MAX_BODY_BYTES } from '../../ports/transport.ts'
import { CONTROL_BYTES } from './limits.ts'
import type { Pace } from './line-limits.ts'

export interface HeldBytes {
  /** Head and inline body; 0 for a body that waits for the receiver's grant. */
  readonly inline: number
  /** Of the answer's body, as far as that is known. */
  readonly expected: number
}

/** Whether a request with so many bytes has to be held at the moment. */
export function needsHold({ up, down }: Pace, { inline, expected }: HeldBytes): boolean {
  return (up.isLimited && inline > CONTROL_BYTES) || (down.isLimited && expected > CONTROL_BYTES)
}

export class RequestHold {
  readonly #pace: Pace
  readonly #bytes: HeldBytes
  readonly #go: () => void
  #asked: Reservation | undefined
  #prepaid = 0
  #takeBack: (() => void) | undefined
  #isOver = false

  /** `go` is called when the request may be sent, its inline bytes paid for. */
  constructor(pace: Pace, bytes: HeldBytes, go: () => void) {
    this.#pace = pace
    this.#bytes = bytes
    this.#go = go
    const { expected } = bytes
    if (!pace.down.isLimited || expected <= CONTROL_BYTES) this.#askUp()
    else {
      const asked = pace.asked.reserve(Math.min(expected, MAX_BODY_BYTES), () => this.#askDown())
      if (this.#isOver) asked.release()
      else this.#asked = asked
    }
  }

  /** An answer that comes unasked is paid for in advance; a longer one as it is granted. */
  #askDown(): void {
    const { expected } = this.#bytes
    if (expected > MAX_INLINE_BYTES) this.#askUp()
    else
      this.#takeBack = this.#pace.down.askSoon(expected, () => {
        this.#prepaid = expected
        this.#askUp()
      })
  }

  #askUp(): void {
    const { inline } = this.#bytes
    // The frame counts as paid: what is small enough not to wait is counted here.
    this.#takeBack =
      inline > CONTROL_BYTES ? this.#pace.up.askSoon(inline, this.#go) : this.#sendSmall(inline)
  }

  #sendSmall(bytes: number): undefined {
    this.#pace.up.spend(bytes)
    this.#go()
  }

  /** The request is over, or nobody wants it any more. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#takeBack?.()
    this.#asked?.release()
    this.#pace.down.spend(-this.#prepaid)
  }
}
