import type { Command } from 'commander'
import type { GetProgress } from '../../../client/operations/get.ts'
import { get } from '../../../client/operations/get.ts'
import { asOf } from '../text/as-of.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { exitCodeOfAll } from '../exit-codes.ts'
import { failureLines } from '../text/failure-lines.ts'
import { createProgressBar } from '../text/progress-bar.ts'
import type { ProviderWaitOptions } from '../options/provider-wait.ts'
import { addProviderWait, providerWait } from '../options/provider-wait.ts'
import { transferState } from '../text/transfer-state.ts'

export function registerGet(program: Command, run: RunCommand): void {
  const command = program
    .command('get')
    .summary('fetch files and folders from the pool')
    .description('Fetches remote files and whole folders. Files appear whole or not at all.')
    .argument('<paths...>', 'remote files and folders, then the local path')
  addProviderWait(command).action(
    run(
      async ({ output, withClient, signal, setExitCode }, paths: string[], options: ProviderWaitOptions) => {
        const sources = paths.slice(0, -1)
        const target = paths.at(-1)!
        const bar = createProgressBar(output.json)
        try {
          const result = await withClient(async (client) => {
            const onProgress = (progress: GetProgress) => bar.show(transferState(progress))
            const wait = providerWait(options, output, bar)
            return {
              ...(await get(client, { sources, target, signal, onProgress, ...wait })),
              ...asOf(client),
            }
          })
          bar.end()
          for (const line of failureLines('not fetched', result.failed)) output.note(line)
          const { files, folders, symlinks, bytes, failed, damagedShards } = result
          const lines = [
            `${count(files, 'file')} (${formatBytes(bytes)}), ${count(folders, 'folder')}, ${count(symlinks, 'symlink')} fetched` +
              (failed.length > 0 ? `; ${failed.length} could not be: nothing was left in their place.` : '.'),
          ]
          if (damagedShards > 0)
            lines.push(`Damaged shards met, worked around and reported: ${damagedShards}.`)
          output.result(result, lines)
          const code = exitCodeOfAll(failed.map(({ error }) => error))
          if (code !== 0) setExitCode(code)
        } finally {
          bar.end()
        }
      },
    ),
  )
}
