import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import type { LedgerReport } from '../../../client/log/ledger-status.ts'
import { bindLedger } from '../../../client/log/ledger-binding.ts'
import { ledgerReport } from '../../../client/log/ledger-status.ts'
import { count } from '../count.ts'
import type { RunCommand } from '../context.ts'

export function registerLedger(program: Command, run: RunCommand): void {
  const ledger = program.command('ledger').summary('the chain that holds the log’s heads')
  ledger
    .command('bind')
    .summary('as an admin, bind the pool to the ledger that its tracker anchors in; for good')
    .action(
      run(async ({ output, withClient }) => {
        await withClient(bindLedger)
        output.result({ bound: true }, ['The pool is bound to its ledger: every member’s client pins it.'])
      }),
    )
  ledger
    .command('status')
    .summary('chain, contracts, what is anchored, witnesses')
    .action(
      run(async ({ output, withClient }) => {
        const report = await withClient(ledgerReport)
        output.result(report, ledgerLines(report))
      }),
    )
}

function ledgerLines(report: LedgerReport): string[] {
  const { chain, contracts, anchored, log, lag, gasSpent, witnesses, problem, forked } = report
  const { count: operators, quorum, fresh } = witnesses
  return [
    ...(chain === undefined || contracts === undefined
      ? ['this pool has no ledger: the log is proven by its signatures and its witnesses alone']
      : [
          `chain ${chain.id} (${chain.kind})${chain.block === undefined ? '' : `, block ${chain.block.number} ${toHex(chain.block.hash)}`}`,
          `contracts: directory 0x${toHex(contracts.directory)}, anchored by 0x${toHex(contracts.anchor)}${contracts.bound ? '' : ', not bound by an admin yet (`allmend ledger bind`)'}`,
          anchored === undefined
            ? 'nothing is anchored yet'
            : `anchored: ${count(anchored.size, 'entry', 'entries')} in block ${anchored.block}, root ${toHex(anchored.root)}`,
          `${count(lag.entries, 'entry', 'entries')} not anchored yet, for ${Math.round(lag.ms / 1_000)} s; gas spent ${gasSpent ?? 0}`,
        ]),
    `log: ${count(log.size, 'entry', 'entries')}, root ${toHex(log.root)}`,
    quorum === 0
      ? `unwitnessed: ${count(operators, 'operator')} of the 3 that a quorum needs`
      : `witnesses: ${fresh} of ${count(operators, 'operator')} signed in the last ten minutes, ${quorum} make a quorum`,
    ...(problem === undefined ? [] : [`problem: ${problem}`]),
    ...(forked === undefined
      ? []
      : [
          `FORKED since ${new Date(forked.since).toISOString()}: ${forked.reason}; evidence: ${forked.evidence}`,
        ]),
  ]
}
