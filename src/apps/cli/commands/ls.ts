import type { Command } from 'commander'
import { list } from '../../../client/operations/list.ts'
import type { RemoteEntry } from '../../../client/operations/remote-entry.ts'
import { asOf } from '../text/as-of.ts'
import type { Output } from '../text/output.ts'
import type { RunCommand } from '../context.ts'
import { entryDocument, entryTime, modeText } from '../text/remote-entry-text.ts'

/** Sizes up to a petabyte stand in line. */
const SIZE_WIDTH = 15

export function registerLs(program: Command, run: RunCommand): void {
  program
    .command('ls')
    .summary('list a remote folder; / lists the spaces')
    .argument('[path]', 'remote folder or file', '/')
    .option('-l, --long', 'with permissions, size and time')
    .option('-R, --recursive', 'with everything below')
    .action(
      run(async ({ output, withClient }, path: string, options: { long?: boolean; recursive?: boolean }) => {
        const base = path.split('/').filter((name) => name !== '')
        await withClient(async (client) => {
          for await (const entry of list(client, { path, recursive: options.recursive === true }))
            output.item(
              { ...entryDocument(entry), ...asOf(client) },
              line(entry, base.length, options.long === true, output),
            )
        })
      }),
    )
}

function line(entry: RemoteEntry, depth: number, long: boolean, output: Output): string {
  const below = entry.path.split('/').slice(1 + depth)
  const name = output.name(below.length > 0 ? below.join('/') : entry.path)
  const mark = entry.conflict ? `  (conflict: another ${output.name(entry.name)} was there first)` : ''
  if (!long) return `${name}${entry.kind === 'folder' && process.stdout.isTTY ? '/' : ''}${mark}`
  const target = entry.target === undefined ? '' : ` -> ${output.name(entry.target)}`
  const size = String(entry.size).padStart(SIZE_WIDTH)
  return `${modeText(entry)} ${size} ${entryTime(entry)} ${name}${target}${mark}`
}
