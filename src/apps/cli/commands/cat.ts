import { once } from 'node:events'
import type { Command } from 'commander'
import { cat } from '../../../client/operations/cat.ts'
import type { RunCommand } from '../context.ts'
import type { ProviderWaitOptions } from '../options/provider-wait.ts'
import { addProviderWait, providerWait } from '../options/provider-wait.ts'
import { wholeNumber } from '../options/whole-number.ts'

interface Options extends ProviderWaitOptions {
  readonly offset?: number
  readonly length?: number
}

export function registerCat(program: Command, run: RunCommand): void {
  const command = program
    .command('cat')
    .summary('write a remote file to standard output')
    .argument('<path>', 'remote file')
    .option('--offset <bytes>', 'start here', wholeNumber)
    .option('--length <bytes>', 'at most so many', wholeNumber)
  addProviderWait(command).action(
    run(async ({ output, withClient, signal }, path: string, { wait, ...part }: Options) => {
      const waiting = providerWait(wait === undefined ? {} : { wait }, output)
      await withClient(async (client) => {
        for await (const bytes of cat(client, { path, signal, ...part, ...waiting }))
          if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
      })
    }),
  )
}
