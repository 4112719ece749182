/** A terminal's Ctrl-C reaches a wrapper and us, and the wrapper passes it on: two at once are one. */
const SAME_SIGNAL_MS = 1_000

/** Aborts on the first SIGINT or SIGTERM; a later one ends the process at once. */
export function stopSignals(): AbortSignal {
  const controller = new AbortController()
  let first = 0
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (!controller.signal.aborted) {
        first = performance.now()
        controller.abort()
      } else if (performance.now() - first > SAME_SIGNAL_MS) process.exit(1)
    })
  return controller.signal
}
