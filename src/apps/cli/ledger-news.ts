import type { Output } from './text/output.ts'

/** In the line of news that a tracker prints for its supervisor: why nothing is anchored; empty when that is over. */
export const LEDGER_PROBLEM = 'ledgerProblem'

/** Says that nothing is anchored, and why, or that it is again: a pool goes on without its chain, and must not do so unnoticed. */
export function tellOfLedger(output: Pick<Output, 'tell'>, problem: string | undefined): void {
  const text =
    problem === undefined
      ? 'The ledger is there again: what was not anchored will be.'
      : `Warning: nothing is anchored in the ledger: ${problem}. Files can be put and read all the same; \`allmend ledger status\` says how it goes on.`
  output.tell({ ledger: { problem: problem ?? null } }, text)
}
