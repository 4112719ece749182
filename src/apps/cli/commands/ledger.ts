import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { UsageError } from '../../../core/open/errors.ts'
import { parsePhrase } from '../../../core/secret/phrase.ts'
import type { LedgerReport } from '../../../client/log/ledger/ledger-status.ts'
import { bindLedger } from '../../../client/log/ledger/ledger-binding.ts'
import { ledgerReport } from '../../../client/log/ledger/ledger-status.ts'
import type { ChainNodeOptions, ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL, CHAIN_KEY_FILE, CHAIN_URL, chainNode } from '../options/chain-options.ts'
import { claimHomeName } from '../../node/claim-home-name.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { claimLines } from '../text/claim-lines.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../text/printable.ts'
import { registerLedgerPlacements } from './ledger-placements.ts'
import { roleLogger } from '../role-logger.ts'
import { readPhrase } from '../secrets.ts'

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
    .command('claim')
    .summary(
      'claim your name on the ledger with your 24 words; `init` and `recover` do it where there is one',
    )
    .option(
      '--phrase-file <file>',
      'read the 24 words from this file; else from ALLMEND_PHRASE or standard input',
    )
    .option(...ASK_CHAIN_URL)
    .action(
      run(
        async ({ output, home, withClient }, options: ChainUrlOption & { readonly phraseFile?: string }) => {
          const claim = await withClient(async (client) => {
            const words = await readPhrase(options.phraseFile)
            return claimHomeName(await HomeFolder.open(home), client, parsePhrase(words))
          }, options)
          output.result({ claimed: true, ...claim }, claimLines(claim))
        },
      ),
    )
  ledger
    .command('deploy')
    .summary('deploy the contracts of a stopped tracker’s pool on a network of your choice')
    .option('--dir <folder>', "the tracker's folder", './allmend-tracker')
    .option(...CHAIN_URL)
    .option(...CHAIN_KEY_FILE)
    .action(
      run(async ({ output }, options: ChainNodeOptions & { readonly dir: string }) => {
        const node = chainNode(options)
        if (node === undefined) throw new UsageError('say where: --chain-url and --chain-key-file')
        const { deployPoolLedger } = await import('../../tracker/deploy-ledger.ts')
        const binding = await deployPoolLedger(options.dir, node, roleLogger('tracker', undefined))
        output.result(binding, [
          `chain ${binding.chainId}: directory 0x${toHex(binding.directory)}, anchored by 0x${toHex(binding.anchor)}`,
          'Start the tracker, then bind the pool to it: `allmend ledger bind`, as an admin.',
        ])
      }),
    )
  registerLedgerPlacements(ledger, run)
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
  const { chain, contracts, anchored, log, lag, gasSpent, names, witnesses, problem, forked } = report
  const { capacity, capacityProblem } = report
  const { count: operators, quorum, fresh, waiting } = witnesses
  // Heads, names and weights fail for the same reason where the chain does.
  const problems = new Set([problem, names.problem, capacityProblem].filter((words) => words !== undefined))
  return [
    ...(chain === undefined || contracts === undefined
      ? [
          `${problem === undefined ? 'this pool has no ledger' : 'the pool’s ledger can’t be asked now'}: the log is proven by its signatures and its witnesses alone`,
        ]
      : [
          `chain ${chain.id} (${printable(chain.kind)})${chain.block === undefined ? '' : `, block ${chain.block.number} ${toHex(chain.block.hash)}`}`,
          `contracts: directory 0x${toHex(contracts.directory)}, anchored by 0x${toHex(contracts.anchor)}${contracts.bound ? '' : ', not bound by an admin yet (`allmend ledger bind`)'}`,
          anchored === undefined
            ? 'nothing is anchored yet'
            : `anchored: ${count(anchored.size, 'entry', 'entries')} in block ${anchored.block}, root ${toHex(anchored.root)}`,
          `${count(lag.entries, 'entry', 'entries')} not anchored yet, for ${Math.round(lag.ms / 1_000)} s${gasSpent === undefined ? '' : `; gas spent since the tracker’s start: ${gasSpent}`}`,
        ]),
    `log: ${count(log.size, 'entry', 'entries')}, root ${toHex(log.root)}`,
    quorum === 0
      ? `unwitnessed: ${count(operators, 'operator')} of the 3 that a quorum needs`
      : `witnesses: ${fresh} of ${count(operators, 'operator')} signed in the last ten minutes, ${quorum} make a quorum`,
    ...(waiting.length === 0
      ? []
      : [`waiting for an admin (\`allmend witness approve\`): ${waiting.join(', ')}`]),
    ...(capacity === undefined ? [] : capacityLines(capacity)),
    ...(names.waiting === 0 ? [] : [`${count(names.waiting, 'name')} of members on the way to the ledger`]),
    ...[...problems].map((words) => `problem: ${printable(words)}`),
    ...(forked === undefined
      ? []
      : [
          `FORKED since ${new Date(forked.since).toISOString()}: ${forked.reason}; evidence: ${forked.evidence}`,
        ]),
  ]
}

function capacityLines({
  block,
  providers,
  drawable,
  fullest,
  emptiest,
  rounds,
  isRebalancing,
}: NonNullable<LedgerReport['capacity']>): string[] {
  return [
    `providers: ${providers} on the ledger at block ${block}, ${drawable} can be drawn`,
    `fills: ${emptiest} % to ${fullest} %; ${isRebalancing ? `rebalancing, round ${rounds}` : `balanced, ${count(rounds, 'round')} of rebalancing so far`}`,
  ]
}
