import type { Command } from 'commander'
import type { WitnessChange } from '../../../client/log/witnesses/accept-witnesses.ts'
import { acceptWitnesses } from '../../../client/log/witnesses/accept-witnesses.ts'
import type { VoteResult, WitnessReport } from '../../../client/log/witnesses/witness-report.ts'
import { voteFor, witnessReport } from '../../../client/log/witnesses/witness-report.ts'
import { toHex } from '../../../core/open/bytes.ts'
import { confirm } from '../confirm.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { printable } from '../text/printable.ts'

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

  witness
    .command('accept')
    .summary('take over changed witnesses where the ones that this home knows are lost for good')
    .description(
      'Replays the whole log. The first time the notice of 72 hours begins; once it is over, this takes the new set.',
    )
    .option('--yes', 'take the set without being asked')
    .action(
      run(async ({ output, withClient }, { yes = false }: { yes?: boolean }) => {
        const change = await withClient((client) =>
          acceptWitnesses(client, async (next) => {
            for (const line of changeLines(next)) output.note(line)
            return yes || confirm('Take these witnesses over for good? Type yes: ')
          }),
        )
        output.result(change, [
          ...stateLines(change),
          ...(change.state === 'noticed' ? changeLines(change) : []),
        ])
      }),
    )
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

function voteLines({ operator, approved, isNew, admins, agreeing }: VoteResult): string[] {
  const what = approved ? 'approved' : 'withdrawn'
  const so = agreeing === undefined ? '' : `, so by ${agreeing} of ${count(admins, 'admin')}`
  return [
    `operator ${toHex(operator)}: ${what} by you${isNew ? '' : ' before'}${so}`,
    agreeing !== undefined && agreeing * 2 > admins
      ? 'Every member’s client follows once the witnesses so far have confirmed it.'
      : 'More than half of the admins decide.',
  ]
}

const time = (seconds: number) => new Date(seconds * 1_000).toISOString()

function changeLines({ added, removed, operators, quorum }: WitnessChange): string[] {
  return [
    ...added.map((operator) => `  comes: operator ${toHex(operator)}`),
    ...removed.map((operator) => `  goes:  operator ${toHex(operator)}`),
    quorum === 0
      ? `  then ${count(operators, 'operator')} witness: fewer than 3, the log's own signature would stand for a quorum`
      : `  then ${count(operators, 'operator')} witness, ${quorum} make a quorum`,
  ]
}

function stateLines({ state, since, from }: WitnessChange): string[] {
  if (state === 'same')
    return ['The log names the witnesses that this home knows: there is nothing to accept.']
  if (state === 'accepted') return ['The new witnesses are pinned.']
  return [
    `This home has known of changed witnesses since ${time(since!)}. Ask the admins, by another way, whether they changed them.`,
    `From ${time(from!)} on, \`allmend witness accept\` takes them:`,
  ]
}
