import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { poolIdOf } from '../../../core/open/objects/identity.ts'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import type { RunCommand } from '../context.ts'

export function registerWhoami(program: Command, run: RunCommand): void {
  program
    .command('whoami')
    .summary('the member of this home, and where the pool is')
    .action(
      run(async ({ output, home }) => {
        const { name, member, genesis, tracker } = await (await HomeFolder.open(home)).config()
        const pool = poolIdOf(nodePrimitives, genesis)
        const address = `${tracker.address}#${toHex(tracker.peerId)}`
        output.result({ name, member, pool, tracker: address, home }, [
          `name     ${name}`,
          `member   ${toHex(member)}`,
          `pool     ${toHex(pool)}`,
          `tracker  ${address}`,
          `home     ${home}`,
        ])
      }),
    )
}
