import type { ValueOf } from '../../core/open/schema.ts'
import { AllmendError, UnreachableError } from '../../core/open/errors.ts'
import { verifyCosignatures } from '../../core/open/log/heads/cosignature.ts'
import { FRESH_SECONDS, operatorTimes, quorumOf } from '../../core/open/log/heads/quorum.ts'
import type { anchoredHeadField, ledgerStatus as method } from '../../core/open/protocol/log-methods.ts'
import type { LedgerStatus } from '../../ports/ledger-chain.ts'
import type { AnchoredHead } from '../../ports/ledger.ts'
import type { Context } from '../../ports/rpc.ts'
import { requireInsider } from '../callers.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds } from '../tracker-state.ts'
import type { TrackerLedger } from './tracker-ledger.ts'
import { witnessesOf } from '../log/witnesses.ts'

/** Characters of a problem: four bytes each fit the field. */
const MAX_PROBLEM = 256
/** Longer than a public node takes for the few calls of an answer, and as long as a person looks at a command that shows nothing. */
const PATIENCE_MS = 5_000

type Answer = ReturnType<(typeof method)['response']['decode']>

/** What the tracker knows of its ledger, of anchoring and of its witnesses. A chain that is away is a `problem`, no error. */
export async function ledgerStatus(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): Promise<Answer> {
  requireInsider(state, context)
  const { log, ledgerAccess } = state
  const { ledger, problem } = ledgerAccess() ?? { ledger: undefined, problem: undefined }
  const { witnesses, tracker } = state.store.read(witnessesOf)
  const quorum = quorumOf(witnesses, tracker)
  const head = log.served ?? log.sealed
  const times =
    head === undefined
      ? []
      : operatorTimes(verifyCosignatures(state.primitives, head.checkpoint, witnesses), tracker)
  const since = nowSeconds(state) - FRESH_SECONDS
  const anchoring = ledger?.anchoring()
  const names = state.names.status()
  const { ledger: capacity, problem: capacityProblem } = state.capacity.relay.status()
  return {
    ...(ledger === undefined ? {} : { ledger: await describe(state, ledger) }),
    lag: anchoring?.lag ?? log.session.size,
    lagMs: Math.round(anchoring?.lagMs ?? 0),
    operators: quorum.operators,
    quorum: quorum.needed,
    fresh: times.filter((time) => time >= since).length,
    ...(problem === undefined ? {} : { problem: problem.slice(0, MAX_PROBLEM) }),
    names: {
      waiting: names.waiting,
      ...(names.problem === undefined ? {} : { problem: names.problem.slice(0, MAX_PROBLEM) }),
    },
    ...(capacity === undefined ? {} : { capacity }),
    ...(capacityProblem === undefined ? {} : { capacityProblem: capacityProblem.slice(0, MAX_PROBLEM) }),
  }
}

async function describe(state: TrackerState, ledger: TrackerLedger): Promise<NonNullable<Answer['ledger']>> {
  const { binding } = ledger
  const { anchored, problem } = ledger.anchoring()
  let status: LedgerStatus | undefined
  let failure = problem?.message
  try {
    status = await inTime(state, ledger.status())
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    failure ??= error.message
  }
  return {
    chainId: binding.chainId,
    kind: status?.chain.kind ?? 'unknown',
    directory: binding.directory,
    codeHash: binding.codeHash,
    anchor: binding.anchor,
    names: ledger.nameContract,
    ...(status === undefined ? {} : { block: [status.chain.block.number, status.chain.block.hash] as const }),
    ...(anchored === undefined ? {} : { anchored }),
    gasSpent: status?.gasSpent ?? 0,
    ...(failure === undefined ? {} : { problem: failure.slice(0, MAX_PROBLEM) }),
  }
}

/** Heads that the ledger holds, from an index on; none where a pool has no ledger, or its chain is away. */
export async function anchoredHeads(
  state: TrackerState,
  { from, count }: { readonly from: number; readonly count: number },
  context: Context,
): Promise<{ heads: ValueOf<typeof anchoredHeadField>[] }> {
  requireInsider(state, context)
  const heads: ValueOf<typeof anchoredHeadField>[] = []
  for (let index = from; index < from + count; index++) {
    const head = await headAt(state, index)
    if (head === undefined) break
    heads.push(head)
  }
  return { heads }
}

/** What the chain throws isn't the caller's: `ledgerStatus` tells it. */
async function headAt(state: TrackerState, index: number): Promise<AnchoredHead | undefined> {
  try {
    const ledger = state.ledgerAccess()?.ledger
    return ledger === undefined ? undefined : await inTime(state, ledger.headAt(index))
  } catch (error) {
    if (error instanceof AllmendError) return undefined
    throw error
  }
}

/** A chain that hangs is one that is away: whoever asks the tracker doesn't wait for its whole timeout. */
async function inTime<T>({ clock }: TrackerState, answer: Promise<T>): Promise<T> {
  const answered = new AbortController()
  const late = clock.sleep(PATIENCE_MS, answered.signal).then(() => {
    throw new UnreachableError('the chain’s node does not answer', { waited: PATIENCE_MS })
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    answered.abort()
    // Whichever comes second is of no interest any more.
    for (const one of [answer, late]) one.catch(() => undefined)
  }
}
