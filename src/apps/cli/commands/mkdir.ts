import type { Command } from 'commander'
import { makeFolder } from '../../../client/operations/make-folder.ts'
import type { RunCommand } from '../context.ts'

export function registerMkdir(program: Command, run: RunCommand): void {
  program
    .command('mkdir')
    .summary('make a remote folder')
    .argument('<path>', 'remote folder')
    .option('-p, --parents', 'make those above too, and do not mind when it is there')
    .action(
      run(async ({ output, withClient }, path: string, options: { parents?: boolean }) => {
        await withClient((client) => makeFolder(client, { path, parents: options.parents === true }))
        output.result({ path }, [])
      }),
    )
}
