/**
 * Budgets of memory that is promised before it is used.
 *
 * Invariants:
 * - The sum of granted reservations never exceeds the limit, but for one that is larger than the limit by itself (or is
 *   resized): that one is granted only while nothing else is.
 * - Grants follow the order of asking. A reservation takes from its own budget first, then from the parent's; it holds its own
 *   share while it waits for the parent, never the other way round, so budgets with one parent cannot wait for each other.
 */

export interface Reservation {
  readonly bytes: number
  readonly granted: boolean
  /** Gives everything back, or stops waiting; a second call does nothing. */
  release(): void
  /** Changes a granted reservation to what turned out to be needed, without waiting. */
  resize(bytes: number): void
}

class Held implements Reservation {
  readonly #budget: ByteBudget
  readonly #onGranted: () => void
  bytes: number
  granted = false
  #state: 'own' | 'parent' | 'held' | 'gone' = 'own'
  #parent: Reservation | undefined

  constructor(budget: ByteBudget, bytes: number, onGranted: () => void) {
    this.#budget = budget
    this.bytes = bytes
    this.#onGranted = onGranted
  }

  /** The own budget has room: ask the parent. */
  advance(): void {
    this.#state = 'parent'
    const parent = this.#budget.parent
    if (parent === undefined) this.#hold()
    else this.#parent = parent.reserve(this.bytes, () => this.#hold())
  }

  #hold(): void {
    if (this.#state !== 'parent') return
    this.#state = 'held'
    this.granted = true
    this.#onGranted()
  }

  resize(bytes: number): void {
    if (this.#state !== 'held') return
    const difference = bytes - this.bytes
    this.bytes = bytes
    this.#parent?.resize(bytes)
    this.#budget.adjust(difference)
  }

  release(): void {
    const state = this.#state
    if (state === 'gone') return
    this.#state = 'gone'
    this.granted = false
    this.#parent?.release()
    this.#budget.forget(this, state !== 'own')
  }
}

/** A number of bytes that many share; those who find it used up wait in line. */
export class ByteBudget {
  readonly limit: number
  readonly parent: ByteBudget | undefined
  readonly #waiting = new Set<Held>()
  #used = 0

  constructor(limit: number, parent?: ByteBudget) {
    this.limit = limit
    this.parent = parent
  }

  get used(): number {
    return this.#used
  }

  get idle(): boolean {
    return this.#used === 0 && this.#waiting.size === 0
  }

  /** Calls `onGranted` once, at once or when there is room. It may run before this function returns. */
  reserve(bytes: number, onGranted: () => void): Reservation {
    const held = new Held(this, bytes, onGranted)
    this.#waiting.add(held)
    this.#serve()
    return held
  }

  /** A granted reservation, or undefined where it would have to wait, or would leave less than `spare` bytes for those who can. */
  tryReserve(bytes: number, spare = 0): Reservation | undefined {
    if (!this.#hasRoom(bytes + spare)) return undefined
    const held = this.reserve(bytes, () => {})
    if (held.granted) return held
    held.release()
    return undefined
  }

  #hasRoom(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false
    return this.parent === undefined || this.parent.#hasRoom(bytes)
  }

  /** For reservations only. */
  adjust(difference: number): void {
    this.#used += difference
    if (difference < 0) this.#serve()
  }

  /** For reservations only. */
  forget(held: Held, counted: boolean): void {
    if (counted) this.#used -= held.bytes
    else this.#waiting.delete(held)
    this.#serve()
  }

  #serve(): void {
    for (const held of this.#waiting) {
      if (this.#used > 0 && this.#used + held.bytes > this.limit) return
      this.#waiting.delete(held)
      this.#used += held.bytes
      held.advance()
    }
  }
}
