/**
 * Grants a body piece by piece, as fast as the line may bring it, once there is memory for all of it.
 *
 * Invariants: at most `ahead` bytes are granted and not here; a body that was begun is granted to its end unless it is given up; without a limit it is
 * granted in one.
 */
import type { LineShare } from './paced-line.ts'

export class PacedGrant {
  readonly #share: LineShare
  readonly #length: number
  readonly #send: (upTo: number | undefined) => void
  #granted = 0
  /** Bytes of what is granted that the line was asked for. */
  #paid = 0
  #received = 0
  #takeBack: (() => void) | undefined
  #isStopped = false

  /** `send` tells the sender how many bytes he may have sent by now; all where undefined. */
  constructor(share: LineShare, length: number, send: (upTo: number | undefined) => void) {
    this.#share = share
    this.#length = length
    this.#send = send
    this.#more()
  }

  get granted(): number {
    return this.#granted
  }

  /** Granted bytes are still to come. */
  get isDue(): boolean {
    return this.#granted > this.#received
  }

  /** The sender waits for the line of this side. */
  get isHeld(): boolean {
    return this.#takeBack !== undefined
  }

  /** So many bytes of the body are here. */
  received(total: number): void {
    // Those that were granted without a limit are counted as they come.
    const unpaid = total - Math.max(this.#received, this.#paid)
    if (unpaid > 0) this.#share.spend(unpaid)
    this.#received = total
    this.#more()
  }

  stop(): void {
    this.#isStopped = true
    this.#takeBack?.()
    this.#takeBack = undefined
  }

  #more(): void {
    while (!this.#isStopped && !this.isHeld && this.#granted < this.#length) {
      if (!this.#share.isLimited) {
        this.#grant(this.#length)
        return
      }
      if (this.#granted - this.#received >= this.#share.ahead) return
      this.#ask()
    }
  }

  #ask(): void {
    const bytes = Math.min(this.#share.slice, this.#length - this.#granted)
    let isNow = true
    let isDone = false
    const takeBack = this.#share.ask(bytes, () => {
      this.#takeBack = undefined
      isDone = true
      this.#paid = this.#granted + bytes
      this.#grant(this.#granted + bytes)
      if (!isNow) this.#more()
    })
    isNow = false
    if (!isDone) this.#takeBack = takeBack
  }

  #grant(upTo: number): void {
    this.#granted = upTo
    this.#send(upTo === this.#length ? undefined : upTo)
  }
}
