import type { Command } from 'commander'
import type { VoteResult, WitnessReport } from '../../../client/log/witness-report.ts'
import { voteFor, witnessReport } from '../../../client/log/witness-report.ts'
import { toHex } from '../../../core/open/bytes.ts'
import { count } from '../count.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../printable.ts'

const WHO = "an operator's id, a member's name, or a provider's id or name"

export function registerWitness(program: Command, run: RunCommand): void {
  const witness = program.command('witness').summary('who confirms the log, and who may')

  witness
    .command('list')
    .summary('providers that witness, and operators that wait for an admin')
    .action(
      run(async ({ output, withClient }) => {
        const report = await withClient(witnessReport)
        output.result(report, witnessLines(report))
      }),
    )

  const vote = (name: string, approved: boolean, summary: string) =>
    witness
      .command(name)
      .summary(summary)
      .argument('<who>', WHO)
      .action(
        run(async ({ output, withClient }, who: string) => {
          const result = await withClient((client) => voteFor(client, who, approved))
          output.result(result, voteLines(result))
        }),
      )
  vote('approve', true, "as an admin, let an operator's providers witness")
  vote('withdraw', false, "as an admin, let an operator's providers witness no longer")
}

const STANDING = {
  invited: 'counts: let in by an admin',
  approved: 'counts: approved by the admins',
  waiting: 'does not count: waits for `allmend witness approve`, by an admin',
  withdrawn: 'does not count: withdrawn by the admins',
} as const

function witnessLines({ witnesses, operators, quorum }: WitnessReport): string[] {
  const standing = ({ runsLog, standing: own }: WitnessReport['witnesses'][number]) =>
    runsLog ? 'does not count: its operator runs the log' : STANDING[own]
  return [
    quorum === 0
      ? `unwitnessed: ${count(operators, 'operator')} of the 3 that a quorum needs`
      : `${count(operators, 'operator')} witness, ${quorum} make a quorum`,
    ...witnesses.map(
      (one) => `  ${printable(one.name)}  operator ${one.member ?? toHex(one.operator)}  ${standing(one)}`,
    ),
  ]
}

function voteLines({ operator, approved, isNew, admins, agreeing, isDecided }: VoteResult): string[] {
  const what = approved ? 'approved' : 'withdrawn'
  return [
    `operator ${toHex(operator)}: ${what}${isNew ? '' : ' by you before'}, by ${agreeing} of ${count(admins, 'admin')}`,
    isDecided
      ? 'Every member’s client follows once the witnesses so far have confirmed it.'
      : 'More than half of the admins decide.',
  ]
}
