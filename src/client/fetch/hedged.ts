import { AllmendError, CancelledError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { slept } from '../../ports/slept.ts'
import { throwIfCancelled } from '../concurrency.ts'
import type { Hedging } from '../transfer/hedging.ts'

export interface HedgeParts {
  readonly clock: Clock
  readonly hedging: Hedging
  /** Whether it is a limit of this node's own line that reads wait for: others would wait for it just as well. */
  readonly isHeld: () => boolean
}

/** A read under way, and what racing it would cost. */
export interface Raced {
  /** How long it should take, ms; undefined where nothing is known. */
  readonly expectedMs: number | undefined
  /** Its bytes, and those of them that are here. */
  readonly bytes: number
  readonly received: () => number
  /** Bytes that a hedge moves. */
  readonly cost: () => number
}

/**
 * Resolves true once a read dawdles and may be raced; false when the signal comes first. A read that gets on is left alone while the rest of it should be
 * here within as long again: where many reads share the reader's own line, some are always late, and others would be no sooner.
 */
export async function isLate(
  { clock, hedging, isHeld }: HedgeParts,
  { expectedMs, bytes, received, cost }: Raced,
  signal: AbortSignal,
): Promise<boolean> {
  const delayMs = hedging.delayMs(expectedMs)
  let before = 0
  for (let waits = 1; await slept(clock, delayMs, signal); waits++) {
    const now = received()
    const isStalled = now === before
    before = now
    const isAlmostHere = !isStalled && (bytes - now) * waits <= now
    if (!isAlmostHere && !isHeld() && hedging.spend(cost(), isStalled)) return true
  }
  return false
}

/** A candidate's fetch: whether it brought what was wanted. */
export interface Candidate {
  readonly bytes: number
  readonly expectedMs: () => number | undefined
  readonly fetch: (signal: AbortSignal, onReceived: (bytes: number) => void) => Promise<boolean>
}

/**
 * Fetches candidates, so many at a time from the first on; each that fails or brings nothing, and each that dawdles, brings in the next, until `isDone`
 * or nobody is left. Returns the first failure. Throws CancelledError, and what is no AllmendError.
 */
export async function fetchEnough(
  parts: HedgeParts,
  candidates: readonly Candidate[],
  atOnce: number,
  isDone: () => boolean,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  throwIfCancelled(signal)
  const left = [...candidates]
  let firstError: unknown
  let active = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = new AbortController()
  const cancel = () => stop.abort()
  signal?.addEventListener('abort', cancel, { once: true })

  const start = (): void => {
    const candidate = left.shift()
    if (candidate === undefined) {
      if (active === 0) resolve()
      return
    }
    active++
    run(candidate).catch(reject)
  }
  const run = async (candidate: Candidate): Promise<void> => {
    const over = new AbortController()
    const expectedMs = candidate.expectedMs()
    let received = 0
    const { bytes } = candidate
    const raced = { expectedMs, bytes, received: () => received, cost: () => left[0]?.bytes ?? 0 }
    let isRaced = false
    const late = isLate(parts, raced, AbortSignal.any([stop.signal, over.signal])).then((is) => {
      isRaced = is && left.length > 0
      if (isRaced) start()
    })
    late.catch(reject)
    let got = false
    try {
      got = await candidate.fetch(stop.signal, (bytes) => (received = bytes))
    } catch (error) {
      if (error instanceof CancelledError || !(error instanceof AllmendError)) throw error
      firstError ??= error
    } finally {
      active--
      over.abort()
    }
    if (isDone()) resolve()
    else if ((!got && !isRaced) || active === 0) start()
  }

  if (isDone()) resolve()
  else for (let i = 0; i < atOnce; i++) start()
  try {
    await promise
  } catch (error) {
    throwIfCancelled(signal)
    throw error
  } finally {
    stop.abort()
    signal?.removeEventListener('abort', cancel)
  }
  throwIfCancelled(signal)
  return firstError
}
