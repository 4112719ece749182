/** Resolves once the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/**
 * Resolves once `work` has succeeded or the signal aborts; rejects as `work` does. Unlike a race with one promise for the signal's whole life,
 * which keeps something of each race for good, it leaves nothing behind.
 */
export async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const ended = Promise.withResolvers<void>()
  const end = (): void => ended.resolve()
  signal.addEventListener('abort', end, { once: true })
  try {
    await Promise.race([work, ended.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}
