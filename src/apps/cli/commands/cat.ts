import { once } from 'node:events'
import type { Command } from 'commander'
import { cat } from '../../../client/cat.ts'
import type { RunCommand } from '../context.ts'
import { wholeNumber } from '../whole-number.ts'

export function registerCat(program: Command, run: RunCommand): void {
  program
    .command('cat')
    .summary('write a remote file to standard output')
    .argument('<path>', 'remote file')
    .option('--offset <bytes>', 'start here', wholeNumber)
    .option('--length <bytes>', 'at most so many', wholeNumber)
    .action(
      run(async ({ withClient, signal }, path: string, options: { offset?: number; length?: number }) => {
        await withClient(async (client) => {
          for await (const bytes of cat(client, { path, signal, ...options }))
            if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
        })
      }),
    )
}
