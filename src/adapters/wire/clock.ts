/** Time as sessions need it, so that tests and the simulator can drive it. */
export interface WireClock {
  /** Milliseconds that never go backwards. */
  now(): number
  /** Calls `run` once after `ms`; returns what prevents it. */
  after(ms: number, run: () => void): () => void
  /** Calls `run` each `ms`; returns what ends it. */
  every(ms: number, run: () => void): () => void
}

/** The machine's monotonic clock; its timers don't keep the process alive. */
export const systemClock: WireClock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(ms, run) {
    const timer = setInterval(run, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}
