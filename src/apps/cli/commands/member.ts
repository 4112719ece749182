import type { Command } from 'commander'
import { admitMembers } from '../../../client/membership/admit-members.ts'
import { inviteMember } from '../../../client/membership/invite-member.ts'
import { memberNamed } from '../../../client/log/ledger/member-name.ts'
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { memberName } from '../../node/member-name.ts'
import type { ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL } from '../options/chain-options.ts'
import type { RunCommand } from '../context.ts'
import { nameStateText } from '../text/name-state-text.ts'

export function registerMember(program: Command, run: RunCommand): void {
  const member = program.command('member').summary('invite and admit people')

  member
    .command('invite')
    .summary('a one-time token for one person')
    .action(
      run(async ({ output, home: path, withClient }) => {
        const home = await HomeFolder.open(path)
        const { token, secret } = await withClient(async (client) => inviteMember(client))
        await home.saveInvites([...(await home.invites()), secret])
        output.result({ token }, [token])
        output.note('They run `allmend init --join <token>`; then you run `allmend member admit`.')
      }),
    )

  member
    .command('admit')
    .summary('admit everybody who came with one of your invites')
    .action(
      run(async ({ output, home: path, withClient }) => {
        const home = await HomeFolder.open(path)
        const invites = await home.invites()
        const refused: Error[] = []
        const admitted = await withClient((client) =>
          admitMembers(client, invites, (error) => refused.push(error)),
        )
        const used = (secret: Uint8Array) => admitted.some((one) => equalBytes(one.secret, secret))
        await home.saveInvites((await home.invites()).filter((secret) => !used(secret)))
        output.result(
          { admitted: admitted.map(({ name, id }) => ({ name, id })) },
          admitted.length === 0
            ? ['Nobody is waiting.']
            : admitted.map(({ name, id }) => `${name} is a member now (${toHex(id)})`),
        )
        if (refused[0] !== undefined) throw refused[0]
      }),
    )

  member
    .command('show')
    .summary('who has a name: as the log proves it, and as the ledger has it')
    .argument('<name>')
    .option(...ASK_CHAIN_URL)
    .action(
      run(async ({ output, withClient }, called: string, options: ChainUrlOption) => {
        const {
          name,
          member: id,
          ledger,
        } = await withClient((client) => memberNamed(client, memberName(called)), options)
        output.result({ name, member: id, ledger }, [
          `name     ${name}`,
          `member   ${toHex(id)}`,
          `ledger   ${nameStateText(ledger)}`,
        ])
      }),
    )
}
