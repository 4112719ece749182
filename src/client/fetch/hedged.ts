import { AllmendError, CancelledError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { slept } from '../../ports/slept.ts'
import type { Client } from '../client.ts'
import { throwIfCancelled } from '../concurrency.ts'
import type { Hedging } from '../transfer/hedging.ts'

/** Racing a read has to bring the rest of it sooner by this factor: the other way is no surer. */
const RACING_FACTOR = 4
/** Over a line that is full a read may take so many times as long as racing it would: others make it wait, and end before. */
const FULL_FACTOR = 4

export interface HedgeParts {
  readonly clock: Clock
  readonly hedging: Hedging
  /** Whether it is a limit of this node's own line that reads wait for: others would wait for it just as well. */
  readonly isHeld: () => boolean
  /** How long this machine's line would need for so many bytes beside all that is under way to it, ms; undefined where nothing is known of it. */
  readonly lineMs: (bytes: number) => number | undefined
  /** Whether that line moves about as much as it can. */
  readonly isLineFull: () => boolean
}

/** What a client's reads are raced by. */
export function hedgeParts({ clock, providers }: Pick<Client, 'clock' | 'providers'>): HedgeParts {
  return {
    clock,
    hedging: providers.hedging,
    isHeld: () => providers.isHeld,
    lineMs: (bytes) => providers.lineMs(bytes),
    isLineFull: () => providers.isLineFull,
  }
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
 * Resolves true once a read dawdles and may be raced; false when the signal comes first. Invariants:
 * - no read is raced before it has taken as long as this machine's line needs for all that is under way and for the race, or several times as long while
 *   the line is full: some reads are always late then, others would be no sooner, and the race would make all of them later.
 * - a read that gets on is left alone while the rest of it should be here within as long again, or a few times as long as the race would take.
 */
export async function isLate(
  { clock, hedging, isHeld, lineMs, isLineFull }: HedgeParts,
  { expectedMs, bytes, received, cost }: Raced,
  signal: AbortSignal,
): Promise<boolean> {
  const delayMs = hedging.delayMs(expectedMs)
  const started = clock.monotonic()
  let before = 0
  while (await slept(clock, delayMs, signal)) {
    const tookMs = clock.monotonic() - started
    const now = received()
    const isStalled = now === before
    // By how it got on lately: all are slow in the beginning.
    const leftMs = (delayMs * (bytes - now)) / (now - before)
    before = now
    const racingMs = lineMs(cost()) ?? 0
    const isWorthIt = isStalled || leftMs > Math.max(delayMs, racingMs * RACING_FACTOR)
    const isTime = tookMs >= racingMs * (isLineFull() ? FULL_FACTOR : 1)
    if (isWorthIt && isTime && !isHeld() && hedging.spend(cost(), isStalled)) return true
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
