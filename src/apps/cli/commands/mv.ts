import type { Command } from 'commander'
import { move } from '../../../client/operations/move.ts'
import type { RunCommand } from '../context.ts'

export function registerMv(program: Command, run: RunCommand): void {
  program
    .command('mv')
    .summary('move or rename within a space')
    .argument('<from>', 'remote file or folder')
    .argument('<to>', 'its new path, or a folder to move it into')
    .action(
      run(async ({ output, withClient }, from: string, to: string) => {
        await withClient((client) => move(client, { from, to }))
        output.result({ from, to }, [])
      }),
    )
}
