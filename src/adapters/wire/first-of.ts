import { UnreachableError } from '../../core/open/errors.ts'
import type { WireClock } from './clock.ts'

/** One way to get something. */
export interface Attempt<T> {
  /** When it begins, ms after the first; sooner where all before it have failed. */
  readonly afterMs: number
  /** Undoes what it did, whether it has succeeded by then or not, when `signal` aborts. */
  readonly run: (signal: AbortSignal) => Promise<T>
}

/**
 * The first success; the others are aborted. Fails as the first attempt did once all have failed as unreachable, at once with any
 * other error, and with the reason of `signal` when that aborts.
 */
export async function firstOf<T>(
  attempts: readonly Attempt<T>[],
  clock: WireClock,
  signal: AbortSignal,
): Promise<T> {
  const result = Promise.withResolvers<T>()
  const running = new Set<AbortController>()
  const waiting = [...attempts]
  let firstError: unknown
  let cancelNext = (): void => {}
  let ended = false

  const begin = (): void => {
    cancelNext()
    const attempt = waiting.shift()
    if (attempt === undefined || ended) return
    const controller = new AbortController()
    running.add(controller)
    attempt.run(controller.signal).then(
      (value) => {
        if (ended) return
        running.delete(controller)
        end()
        result.resolve(value)
      },
      (error: unknown) => {
        running.delete(controller)
        if (!ended) failed(error)
      },
    )
    const [next] = waiting
    if (next !== undefined) cancelNext = clock.after(next.afterMs - attempt.afterMs, begin)
  }
  const failed = (error: unknown): void => {
    firstError ??= error
    const decides = !(error instanceof UnreachableError)
    if (!decides && waiting.length > 0) begin()
    else if (decides || running.size === 0) {
      end()
      result.reject(decides ? error : firstError)
    }
  }
  /** Whoever still runs is told; a winner is no longer among them. */
  const end = (): void => {
    ended = true
    cancelNext()
    for (const controller of running) controller.abort()
  }
  const onAbort = (): void => {
    end()
    result.reject(signal.reason)
  }

  if (signal.aborted) throw signal.reason
  signal.addEventListener('abort', onAbort, { once: true })
  begin()
  try {
    return await result.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
