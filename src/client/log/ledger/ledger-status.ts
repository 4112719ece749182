import { ledgerStatus } from '../../../core/open/protocol/log-methods.ts'
import type { Client } from '../../client.ts'
import { boundLedger, requireBound } from './ledger-binding.ts'
import { learnForks } from '../learn-forks.ts'
import { waitingOperators } from '../witnesses/witness-report.ts'

export interface LedgerReport {
  /** Absent where the pool has no ledger, or it can't be opened now (`problem`). */
  readonly chain?: {
    readonly id: number
    readonly kind: string
    readonly block?: { readonly number: number; readonly hash: Uint8Array }
  }
  readonly contracts?: {
    readonly directory: Uint8Array
    readonly codeHash: Uint8Array
    readonly anchor: Uint8Array
    /** Whether an admin has bound the pool to them; until then nothing is compared with them. */
    readonly bound: boolean
  }
  readonly anchored?: { readonly size: number; readonly root: Uint8Array; readonly block: number }
  readonly log: { readonly size: number; readonly root: Uint8Array }
  readonly lag: { readonly entries: number; readonly ms: number }
  /** Since the tracker's start; absent while the chain doesn't answer. */
  readonly gasSpent?: number
  /** What the ledger held of the providers when the tracker read it last: the tracker's word. */
  readonly capacity?: {
    readonly block: number
    readonly providers: number
    /** With a weight. */
    readonly drawable: number
    /** Fullest and emptiest came too far apart, and aren't close again; rounds of that so far. */
    readonly isRebalancing: boolean
    readonly rounds: number
    /** Percent. */
    readonly fullest: number
    readonly emptiest: number
  }
  /** Why that isn't up to date. */
  readonly capacityProblem?: string
  /** Members' names that are on their way to the ledger, and why the oldest that fails isn't there. */
  readonly names: { readonly waiting: number; readonly problem?: string }
  /** Operators that witness, how many make a quorum (0: fewer than three, the pool is unwitnessed), how many signed lately. */
  readonly witnesses: {
    readonly count: number
    readonly quorum: number
    readonly fresh: number
    /** Operators whose witnesses don't count before an admin approves of them: names where they are members', else ids. */
    readonly waiting: readonly string[]
  }
  readonly problem?: string
  /** This client has seen two histories: since when (Unix milliseconds), and where the evidence is. */
  readonly forked?: { readonly since: number; readonly reason: string; readonly evidence: string }
}

/**
 * The log as this client has verified it, and what the tracker says of the ledger. The binding that an admin signed is pinned.
 *
 * @throws UntrustedError when the tracker names another chain or other contracts than an admin has signed.
 */
export async function ledgerReport(client: Client): Promise<LedgerReport> {
  const { log, tracker } = client
  await learnForks(log)
  const { forked, head, chain } = await log.pins()
  const { size, root } = forked !== undefined && head !== undefined ? head : (await log.view()).checkpoint
  const answer = await tracker.call(ledgerStatus, {})
  const { ledger, lag, lagMs, operators, quorum, fresh, names, capacity, capacityProblem } = answer
  const bindingOf = async () =>
    ledger === undefined ? (await boundLedger(client)) !== undefined : requireBound(client, ledger)
  // On a forked log nothing newer than the pins is believed.
  const isBound = forked === undefined ? await bindingOf() : chain !== undefined
  const waiting = forked === undefined ? await waitingOperators(client) : []
  const problem = ledger?.problem ?? answer.problem
  const block = ledger?.block
  const anchored = ledger?.anchored
  return {
    ...(ledger === undefined
      ? {}
      : {
          chain: {
            id: ledger.chainId,
            kind: ledger.kind,
            ...(block === undefined ? {} : { block: { number: block[0], hash: block[1] } }),
          },
          contracts: {
            directory: ledger.directory,
            codeHash: ledger.codeHash,
            anchor: ledger.anchor,
            bound: isBound,
          },
          ...(block === undefined ? {} : { gasSpent: ledger.gasSpent }),
        }),
    ...(anchored === undefined
      ? {}
      : { anchored: { size: anchored.size, root: anchored.root, block: anchored.block } }),
    log: { size, root },
    lag: { entries: lag, ms: lagMs },
    ...(capacity === undefined
      ? {}
      : { capacity: { ...capacity, fullest: capacity.fullest / 2, emptiest: capacity.emptiest / 2 } }),
    ...(capacityProblem === undefined ? {} : { capacityProblem }),
    names: {
      waiting: names.waiting,
      ...(names.problem === undefined ? {} : { problem: names.problem }),
    },
    witnesses: { count: operators, quorum, fresh, waiting },
    ...(problem === undefined ? {} : { problem }),
    ...(forked === undefined ? {} : { forked }),
  }
}
