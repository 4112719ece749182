/** Time as an argument: real in the apps, simulated in tests. */
export interface Clock {
  /** Unix milliseconds; may jump when the system's clock is set. */
  now(): number
  /** Milliseconds from an arbitrary start, never falling: for measuring and for deadlines. */
  monotonic(): number
  /** Resolves after at least `ms`, or rejects with CancelledError when the signal aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
