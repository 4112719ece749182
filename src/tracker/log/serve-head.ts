import { BusyError, NotFoundError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { FRESH_SECONDS, quorumOf } from '../../core/open/log/heads/quorum.ts'
import type { ServedHead } from '../../core/open/log/heads/verify-head.ts'
import type { TrackerState } from '../tracker-state.ts'
import type { SealedHead } from './tracker-log.ts'
import { slept } from '../../ports/slept.ts'

/** How long a caller waits for witnesses before it gets what there is, ms. */
const MAX_WAIT_MS = 5_000
/** While unwitnessed the log's own time stands in: a head this old is made anew before a reader takes it for stale. */
const RENEW_AFTER_MS = (FRESH_SECONDS * 1_000) / 2

/**
 * The head that clients get, of at least `covers` entries where that can be had in some seconds. Throws NotFoundError before the pool
 * is founded, BusyError while witnesses are to confirm the first head since a start.
 */
export async function currentHead(
  state: TrackerState,
  covers: number | undefined,
  signal: AbortSignal,
): Promise<SealedHead> {
  const { log, clock } = state
  if (log.identity === undefined) throw new NotFoundError('this pool has not been founded yet')
  // More than there is can't be asked for.
  const wanted = Math.min(covers ?? 1, log.session.size)
  log.awaitHead(wanted)
  const sealed = log.sealed
  if (sealed === undefined || (log.hasBatch && sealed.checkpoint.size < wanted) || isOld(state, sealed))
    log.seal()
  const wait = log.served === undefined || isQuorumUp(state) ? MAX_WAIT_MS : 0
  const until = clock.monotonic() + wait
  while (log.served === undefined || log.served.checkpoint.size < wanted) {
    const left = until - clock.monotonic()
    if (left <= 0 || !(await changedWithin(state, left, signal))) break
  }
  if (log.served === undefined) throw unconfirmed(state)
  return log.served
}

/** What `verifyHead` needs to follow from the size `from`. */
export function proofOf(
  { log, primitives, store }: TrackerState,
  head: SealedHead,
  from?: number,
): ServedHead {
  const { checkpoint } = head
  const { size } = checkpoint
  const leaf = store.read(({ proofs }) => proofs.leaf(size - 1)?.leaf)
  if (leaf === undefined || log.identity === undefined) throw new NotFoundError('this head has no last leaf')
  const { tree } = log.session
  return {
    note: encodeCheckpoint(primitives, log.identity, checkpoint),
    consistency: from === undefined || from > size ? [] : tree.consistency(from, size),
    leaf,
    path: tree.inclusion(size - 1, size),
  }
}

function isOld(state: TrackerState, { time }: SealedHead): boolean {
  if (state.clock.now() - time < RENEW_AFTER_MS) return false
  const { witnesses, tracker } = state.log.witnesses()
  return quorumOf(witnesses, tracker).needed === 0
}

/** Whether enough operators' witnesses are up; where they aren't, nobody waits for them. */
function isQuorumUp(state: TrackerState): boolean {
  const { up, needed } = witnessesUp(state)
  return up >= needed
}

/** How many operators' witnesses are up, and how many it takes. */
function witnessesUp({ log, presence }: TrackerState): { readonly up: number; readonly needed: number } {
  const { witnesses, tracker } = log.witnesses()
  const up = witnesses.filter(({ provider }) => presence.isUp(provider.id))
  return { up: quorumOf(up, tracker).operators, needed: quorumOf(witnesses, tracker).needed }
}

function unconfirmed(state: TrackerState): BusyError {
  const { up, needed } = witnessesUp(state)
  const lack = up < needed ? `: providers of ${up} operators are up, and it takes ${needed}` : ''
  return new BusyError(`the witnesses have not confirmed the newest head yet${lack}`, { up, needed })
}

/** Whether the head changed before so many milliseconds were over. */
export async function changedWithin(
  { log, clock }: Pick<TrackerState, 'log' | 'clock'>,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const over = new AbortController()
  const passed = slept(clock, ms, AbortSignal.any([signal, over.signal])).then(() => false)
  try {
    return await Promise.race([log.headChanged().then(() => true), passed])
  } finally {
    over.abort()
  }
}
