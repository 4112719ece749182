/**
 * Anchors a tracker's log in a ledger, beside everything else. Invariants:
 * - nothing waits for it: the ledger is opened in the background and again after a failure, heads are brought there by `createAnchoring`.
 * - what the ledger held at a block goes into the next `heads` entry, with the block's hash: so the log keeps the chain to its past.
 *   The block is one that the network calls final, read anew whenever anchoring looks: what was taken back is not told on.
 */
import { AllmendError } from '../../core/open/errors.ts'
import { createAnchoring } from '../../adapters/evm/anchoring.ts'
import type { Anchoring } from '../../adapters/evm/anchoring.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { Logger } from '../../ports/logger.ts'
import type { CapacityRelay } from '../../tracker/capacity/capacity-relay.ts'
import type { NameRelay } from '../../tracker/ledger/name-relay.ts'
import { aborted, orAborted } from '../../ports/aborted.ts'
import { slept } from '../../ports/slept.ts'
import type { LedgerAccess, TrackerLedger } from '../../tracker/ledger/tracker-ledger.ts'
import { trackerLedger } from '../../tracker/ledger/tracker-ledger.ts'
import type { TrackerLog } from '../../tracker/log/tracker-log.ts'

/** Opens the ledger of a pool; throws what keeps it from that. */
export type LedgerFactory = (pool: Uint8Array) => Promise<Ledger>

export interface AnchoringIntervals {
  /** Anchors when so many entries are not anchored; default 1,000. */
  readonly everyEntries?: number
  /** Or when the oldest of them waits so long, ms; default 60 s. */
  readonly everyMs?: number
}

export interface AttachOptions extends AnchoringIntervals {
  readonly open: LedgerFactory
  /** The pool's id, once it is founded. */
  readonly pool: Promise<Uint8Array>
  readonly log: TrackerLog
  /** Brings members' names there. */
  readonly names: NameRelay
  /** Brings providers and their capacity there, and its weights to the draws. */
  readonly capacity: CapacityRelay
  /**
   * Hears why the ledger can't be opened: at once where waiting doesn't help, else when that goes on for some seconds; of another
   * reason again, and of `undefined` once it is open after all.
   */
  readonly onProblem?: ((problem: string | undefined) => void) | undefined
  readonly clock: Clock
  readonly logger: Logger
}

export interface AttachedLedger {
  readonly access: LedgerAccess
  close(): Promise<void>
}

const OPENING = 'the ledger is being opened'
/** For so long a failure that may pass is not told: an embedded chain starts beside its tracker, and is there by the second attempt. */
const TOLD_AFTER_MS = 3_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export function attachLedger(options: AttachOptions): AttachedLedger {
  const abort = new AbortController()
  const access: { ledger: TrackerLedger | undefined; problem: string | undefined } = {
    ledger: undefined,
    problem: OPENING,
  }
  const running = run(options, access, abort.signal)
  return {
    access,
    async close() {
      abort.abort()
      await running
    },
  }
}

async function run(
  options: AttachOptions,
  access: { ledger: TrackerLedger | undefined; problem: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const ledger = await openAgain(options, access, signal)
  if (ledger === undefined) return
  const anchoring = anchor(options, ledger)
  access.problem = undefined
  access.ledger = trackerLedger(ledger, () => {
    // What follows heads may be waiting for a chain that hangs.
    anchoring.noteSize(options.log.served?.checkpoint.size ?? 0)
    return anchoring.status()
  })
  const relaying = Promise.all([options.names.run(ledger, signal), options.capacity.run(ledger, signal)])
  try {
    await follow(options, anchoring, signal)
  } finally {
    const ended = anchoring.close()
    // What is under way is not waited for: the next start finds it on the chain, or sends it again.
    await ledger.close()
    await ended
    await relaying
  }
}

/** The ledger, however long that takes; undefined when the signal aborts first. */
async function openAgain(
  { open, pool, clock, logger, onProblem }: AttachOptions,
  access: { problem: string | undefined },
  signal: AbortSignal,
): Promise<Ledger | undefined> {
  const founded = await Promise.race([pool, aborted(signal)])
  if (founded === undefined) return undefined
  let told: string | undefined
  const began = clock.monotonic()
  for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      const ledger = await open(founded)
      if (told !== undefined) onProblem?.(undefined)
      return ledger
    } catch (error) {
      access.problem = error instanceof AllmendError ? error.message : 'the ledger cannot be opened'
      const mayPass = error instanceof AllmendError && error.policy === 'retry'
      const isLong = clock.monotonic() - began >= TOLD_AFTER_MS
      if (access.problem !== told && (!mayPass || isLong)) {
        told = access.problem
        onProblem?.(told)
      }
      logger.warn({ why: String(error), retryMs: pause }, 'the ledger cannot be opened')
    }
    await slept(clock, pause, signal)
  }
  return undefined
}

function anchor({ log, clock, logger, everyEntries, everyMs }: AttachOptions, ledger: Ledger): Anchoring {
  return createAnchoring({
    ledger,
    clock,
    logger,
    ...(everyEntries === undefined ? {} : { everyEntries }),
    ...(everyMs === undefined ? {} : { everyMs }),
    log: {
      head: () => log.served?.checkpoint,
      rootAt: (size) => (size > log.session.size ? undefined : log.session.tree.root(size)),
    },
    async onCompared(anchored) {
      try {
        log.anchor = anchored === undefined ? undefined : await finalAnchor(ledger)
      } catch (error) {
        // A node may lack the state of an older block: that keeps nobody from anchoring.
        log.anchor = undefined
        logger.warn({ why: String(error) }, 'what the ledger holds could not be read')
      }
    },
    onMismatch: ({ anchored, root }) =>
      logger.error(
        { size: anchored.size, index: anchored.index, isShorter: root === undefined },
        'the ledger holds a head that is not of this log',
      ),
  })
}

/** Tells anchoring of new heads. */
async function follow({ log }: AttachOptions, anchoring: Anchoring, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    anchoring.noteSize(log.served?.checkpoint.size ?? 0)
    await orAborted(log.headChanged(), signal)
  }
}

/** The newest head at the newest final block, and that block; undefined where none is final. */
async function finalAnchor(ledger: Ledger): Promise<TrackerLog['anchor']> {
  const { final } = (await ledger.status()).chain
  const head = await ledger.latestHead(final.number)
  if (head === undefined) return undefined
  return { size: head.size, root: head.root, block: final.number, blockHash: final.hash }
}
