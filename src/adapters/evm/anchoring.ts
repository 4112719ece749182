/**
 * Brings the log's heads to the ledger, beside everything else. Invariants:
 * - nobody waits for it: `noteSize` and `status` return at once, and a chain that is gone only lets the lag grow.
 * - only the newest head is sent, one at a time; after an outage one anchor covers all that came in between.
 * - a head in the ledger that isn't this log's is never written over: it is told as `mismatch` until the ledger or the log says
 *   otherwise.
 * - what counts is the ledger's state, read before each write: an anchor whose answer was lost, or that a reorganisation took
 *   back, is found or sent again.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { AllmendError, CancelledError, UntrustedError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { AnchoredHead, Ledger } from '../../ports/ledger.ts'
import type { Logger } from '../../ports/logger.ts'

export const DEFAULT_EVERY_ENTRIES = 1_000
export const DEFAULT_EVERY_MS = 60_000
/** After a failure; doubled each time, up to the longest or what lies between anchors anyway. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export interface LogHead {
  readonly size: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** The log, as far as anchoring needs it. */
export interface AnchoredLog {
  /** The newest checkpoint; undefined before the first. */
  head(): LogHead | undefined | Promise<LogHead | undefined>
  /** The root at a size; undefined beyond the log's end. */
  rootAt(size: number): Uint8Array | undefined | Promise<Uint8Array | undefined>
}

export interface AnchoringOptions {
  readonly ledger: Pick<Ledger, 'anchor' | 'latestHead'>
  readonly log: AnchoredLog
  readonly clock: Clock
  readonly logger: Logger
  /** Anchors when so many entries are not anchored; default 1,000. */
  readonly everyEntries?: number
  /** Or when the oldest of them waits so long; default 60 s. */
  readonly everyMs?: number
  /** Hears of a ledger that contradicts the log, once for each such head. */
  readonly onMismatch?: (evidence: Mismatch) => void
  /** The ledger was looked at, and agrees with the log: at least every `everyMs`, and after each anchor. Anchoring waits for it. */
  readonly onCompared?: (anchored: AnchoredHead | undefined) => Promise<void>
}

/** The ledger has a head that this log doesn't have: one of them was rolled back or forked. */
export interface Mismatch {
  readonly anchored: AnchoredHead
  /** The log's root at that size; undefined when the log is shorter. */
  readonly root: Uint8Array | undefined
}

export interface AnchoringStatus {
  /** Newest head of this log that the ledger is known to have. */
  readonly anchored: AnchoredHead | undefined
  /** Entries of the log. */
  readonly size: number
  /** Entries that are not anchored. */
  readonly lag: number
  /** How long the oldest of them has waited, ms. */
  readonly lagMs: number
  /** Why the last attempt failed; undefined when it didn't. */
  readonly problem: { readonly code: string; readonly message: string; readonly failures: number } | undefined
  readonly mismatch: Mismatch | undefined
}

export interface Anchoring {
  /** The log has so many entries now. */
  noteSize(size: number): void
  status(): AnchoringStatus
  /** Anchors the newest head now; rejects with what went wrong. */
  flush(): Promise<void>
  /** Ends; an attempt that is under way may still reach the chain. */
  close(): Promise<void>
}

export function createAnchoring(options: AnchoringOptions): Anchoring {
  return new Anchorer(options)
}

class Anchorer implements Anchoring {
  readonly #options: AnchoringOptions
  readonly #everyEntries: number
  readonly #everyMs: number
  readonly #closing = new AbortController()
  readonly #loop: Promise<void>
  #wake = new AbortController()
  #size = 0
  #waitingSince: number | undefined
  #anchored: AnchoredHead | undefined
  #problem: AnchoringStatus['problem']
  #mismatch: Mismatch | undefined
  #round: Promise<void> | undefined

  constructor(options: AnchoringOptions) {
    this.#options = options
    this.#everyEntries = options.everyEntries ?? DEFAULT_EVERY_ENTRIES
    this.#everyMs = options.everyMs ?? DEFAULT_EVERY_MS
    this.#loop = this.#run()
  }

  noteSize(size: number): void {
    if (size <= this.#size) return
    this.#size = size
    this.#waitingSince ??= this.#options.clock.monotonic()
    if (this.#lag() >= this.#everyEntries && this.#problem === undefined) this.#wake.abort()
  }

  status(): AnchoringStatus {
    const { clock } = this.#options
    const lag = this.#lag()
    const since = this.#waitingSince
    return {
      anchored: this.#anchored,
      size: this.#size,
      lag,
      lagMs: lag === 0 || since === undefined ? 0 : clock.monotonic() - since,
      problem: this.#problem,
      mismatch: this.#mismatch,
    }
  }

  async flush(): Promise<void> {
    await this.#oneRound()
    // The round before it may have begun with an older head.
    if (this.#lag() > 0) await this.#oneRound()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#loop
  }

  #lag(): number {
    return Math.max(0, this.#size - (this.#anchored?.size ?? 0))
  }

  async #run(): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#everyMs))
    let pause = 0
    while (!this.#closing.signal.aborted) {
      try {
        await this.#oneRound()
        pause = 0
        await this.#sleep(this.#everyMs, true)
      } catch (error) {
        if (error instanceof CancelledError) continue
        pause = Math.min(longest, pause === 0 ? FIRST_PAUSE_MS : pause * 2)
        await this.#sleep(pause, false)
      }
    }
  }

  /** Ends early when enough entries wait, if it may, and when this is closed. */
  async #sleep(ms: number, mayWake: boolean): Promise<void> {
    this.#wake = new AbortController()
    if (mayWake && this.#lag() >= this.#everyEntries) return
    const signals = mayWake ? [this.#closing.signal, this.#wake.signal] : [this.#closing.signal]
    try {
      await this.#options.clock.sleep(ms, AbortSignal.any(signals))
    } catch (error) {
      if (!(error instanceof CancelledError)) throw error
    }
  }

  /** Whoever asks while one is under way gets that one. */
  #oneRound(): Promise<void> {
    this.#round ??= this.#anchorNewest().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  async #anchorNewest(): Promise<void> {
    const { ledger, log, clock, logger } = this.#options
    try {
      const head = await log.head()
      if (head !== undefined) this.noteSize(head.size)
      await this.#compare()
      const behind = head !== undefined && head.size > (this.#anchored?.size ?? 0)
      const began = clock.monotonic()
      if (behind) {
        await ledger.anchor(head.size, head.root)
        await this.#compare()
        logger.info({ size: head.size, block: this.#anchored?.block }, 'the log’s head is anchored')
      }
      if (this.#lag() === 0) this.#waitingSince = undefined
      else if (behind) this.#waitingSince = began
      this.#problem = undefined
    } catch (error) {
      const { code, message } =
        error instanceof AllmendError ? error : { code: 'internal', message: 'anchoring failed unforeseen' }
      this.#problem = { code, message, failures: (this.#problem?.failures ?? 0) + 1 }
      logger.warn({ code, why: String(error), lag: this.#lag() }, 'anchoring failed')
      throw error
    }
  }

  /** Takes in what the ledger has, and holds it against the log. */
  async #compare(): Promise<void> {
    const { ledger, log, onMismatch, onCompared } = this.#options
    const anchored = await ledger.latestHead()
    const root = anchored === undefined ? undefined : await log.rootAt(anchored.size)
    if (anchored !== undefined && (root === undefined || !equalBytes(root, anchored.root))) {
      const known = this.#mismatch
      this.#mismatch = { anchored, root }
      if (known === undefined || !equalBytes(known.anchored.root, anchored.root)) onMismatch?.(this.#mismatch)
      throw new UntrustedError(
        root === undefined
          ? `the ledger has a head of ${anchored.size} entries, and this log is shorter: it was rolled back`
          : `the ledger’s head at ${anchored.size} entries is not this log’s`,
        { size: anchored.size, index: anchored.index },
      )
    }
    this.#mismatch = undefined
    this.#anchored = anchored
    await onCompared?.(anchored)
  }
}
