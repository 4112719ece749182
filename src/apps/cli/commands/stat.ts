import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { stat } from '../../../client/operations/stat.ts'
import { asOf } from '../text/as-of.ts'
import { formatBytes } from '../text/byte-size.ts'
import type { RunCommand } from '../context.ts'
import { entryDocument, entryTime, modeText } from '../text/remote-entry-text.ts'

export function registerStat(program: Command, run: RunCommand): void {
  program
    .command('stat')
    .summary('tell about one remote file or folder')
    .argument('<path>', 'remote path')
    .action(
      run(async ({ output, withClient }, path: string) => {
        const entry = await withClient(async (client) => ({
          ...(await stat(client, { path })),
          ...asOf(client),
        }))
        const lines = [
          `path     ${output.name(entry.path)}`,
          `kind     ${entry.kind}${entry.target === undefined ? '' : ` to ${output.name(entry.target)}`}`,
          ...(entry.kind === 'file' ? [`size     ${entry.size} (${formatBytes(entry.size)})`] : []),
          `mode     ${modeText(entry)}`,
          `modified ${entryTime(entry)}`,
          `version  ${entry.version}`,
          `node     ${toHex(entry.node)}`,
        ]
        output.result(entryDocument(entry), lines)
      }),
    )
}
