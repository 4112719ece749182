import type { Command } from 'commander'
import { remove } from '../../../client/operations/remove.ts'
import type { RunCommand } from '../context.ts'

export function registerRm(program: Command, run: RunCommand): void {
  program
    .command('rm')
    .summary('remove remote files, or folders with -r')
    .argument('<paths...>', 'remote files and folders')
    .option('-r, --recursive', 'folders with everything in them')
    .action(
      run(async ({ output, withClient }, paths: string[], options: { recursive?: boolean }) => {
        await withClient(async (client) => {
          for (const path of paths) await remove(client, { path, recursive: options.recursive === true })
        })
        output.result({ removed: paths }, [])
      }),
    )
}
