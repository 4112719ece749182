import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import type { Command } from 'commander'
import type { Client } from '../../../client/client.ts'
import type { ExportResult } from '../../../client/operations/export.ts'
import { exportAll } from '../../../client/operations/export.ts'
import { fileError } from '../../../adapters/files/file-error.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { exitCodeOfAll } from '../exit-codes.ts'
import { failureLines } from '../text/failure-lines.ts'
import { createProgressBar } from '../text/progress-bar.ts'
import type { ProviderWaitOptions } from '../options/provider-wait.ts'
import { addProviderWait, providerWait } from '../options/provider-wait.ts'
import { transferState } from '../text/transfer-state.ts'

/** What this home had seen of the pool, with evidence. */
const PINS_FOLDER = 'pins'

interface Options extends ProviderWaitOptions {
  readonly dryRun?: boolean
}

export function registerExport(program: Command, run: RunCommand): void {
  const command = program
    .command('export')
    .summary('everything that you can read, whatever became of the pool')
    .description(
      'Fetches every file of every space into a folder, with the log that they follow from, and what this home has seen of it. ' +
        'Works on a forked log too: then as of the last head that this home believed. Run it again to go on.',
    )
    .argument('<folder>', 'made where it is not there')
    .option('--dry-run', 'say what there is, and write nothing')
  addProviderWait(command).action(
    run(async (context, folder: string, { dryRun = false, ...options }: Options) => {
      const { output, home, withClient, signal, setExitCode } = context
      const bar = createProgressBar(output.json)
      try {
        const exporting = (client: Client): Promise<ExportResult> => {
          const hash = createHash('sha256')
          return exportAll(client, {
            target: folder,
            dryRun,
            hasher: { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() },
            signal,
            ...providerWait(options, output, bar),
            onProgress: (progress) => bar.show(transferState(progress)),
          })
        }
        const result = await withClient(exporting, { goesOn: true })
        if (!dryRun) await copyPins((await HomeFolder.open(home)).pins, folder)
        bar.end()
        for (const line of failureLines('not exported', result.failed)) output.note(line)
        output.result({ folder, dryRun, ...result }, exportLines(result, dryRun))
        const code = exitCodeOfAll(result.failed.map(({ error }) => error))
        if (code !== 0) setExitCode(code)
      } finally {
        bar.end()
      }
    }),
  )
}

async function copyPins(pins: string, folder: string): Promise<void> {
  const target = path.join(folder, PINS_FOLDER)
  try {
    await fs.cp(pins, target, {
      recursive: true,
      dereference: false,
      filter: (file) => !file.endsWith('lock'),
    })
  } catch (error) {
    throw fileError(target, error)
  }
}

function exportLines(
  { head, spaces, total, files, bytes, kept, failed }: ExportResult,
  dryRun: boolean,
): string[] {
  const all = `${count(total.files, 'file')} (${formatBytes(total.bytes)}), ${count(total.folders, 'folder')}, ${count(total.symlinks, 'symlink')} in ${count(spaces.length, 'space')}`
  return [
    ...(head.why === undefined
      ? []
      : [
          `as of ${count(head.size, 'entry', 'entries')} of the log, which this home had verified: ${head.why}`,
        ]),
    dryRun
      ? `there are ${all}`
      : `exported of ${all}: ${count(files, 'file')} (${formatBytes(bytes)}) now, ${kept} before`,
    ...(failed.length === 0
      ? []
      : [`incomplete: ${failed.length} could not be; run it again to try these anew`]),
  ]
}
