import type { Command } from 'commander'
import { CancelledError } from '../../../core/open/errors.ts'
import type { PutProgress, PutResult } from '../../../client/operations/put.ts'
import { put } from '../../../client/operations/put.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import type { BarState } from '../text/progress-bar.ts'
import { createProgressBar } from '../text/progress-bar.ts'
import { failureLines } from '../text/failure-lines.ts'
import { limitText } from '../text/limit-text.ts'
import { printable } from '../text/printable.ts'
import type { ProviderWaitOptions } from '../options/provider-wait.ts'
import { providerWait } from '../options/provider-wait.ts'
import { wholeNumber } from '../options/whole-number.ts'

export function registerPut(program: Command, run: RunCommand): void {
  program
    .command('put')
    .summary('store files and folders in the pool')
    .description(
      'Stores local files and whole folders under a remote path. What is there already is not sent again;\n' +
        'an interrupted put goes on where it was when the same command is run again.',
    )
    .argument('<paths...>', 'local files and folders, then the remote path, such as /home/')
    .option(
      '--wait <seconds>',
      'how long to wait for providers that are missing before it goes on with fewer, or gives up; by default 10, and 60 for those that were there a moment ago when nothing can be stored without them',
      wholeNumber,
    )
    .action(
      run(
        async (
          { output, withClient, signal, setExitCode },
          paths: string[],
          options: ProviderWaitOptions,
        ) => {
          const sources = paths.slice(0, -1)
          const target = paths.at(-1)!
          const bar = createProgressBar(output.json)
          const wait = providerWait(options, output, bar)
          try {
            const result = await withClient((client) => {
              const limited = limitText(client.transport.line)
              if (limited !== undefined && !output.json) output.note(`Limited to ${limited}.`)
              return put(client, {
                ...wait,
                sources,
                target,
                signal,
                onProgress: (progress) => bar.show(barState(progress)),
              })
            })
            bar.end()
            for (const line of failureLines('left out', result.problems)) output.note(line)
            for (const warning of result.warnings) output.note(`allmend: ${printable(warning)}`)
            output.result(result, summary(result))
            if (result.problems.length > 0) setExitCode(EXIT.failed)
          } catch (error) {
            bar.end()
            if (!(error instanceof CancelledError)) throw error
            throw new CancelledError(
              'stopped. What was sent is kept for a day: the same command goes on where this one was',
              {},
              { cause: error },
            )
          }
        },
      ),
    )
}

function barState(progress: PutProgress): BarState {
  const { phase, totalFiles, totalBytes, sent, decodable, atTarget } = progress
  const text =
    phase === 'scan'
      ? `looking: ${count(totalFiles, 'file')}, ${formatBytes(totalBytes)}`
      : `${formatBytes(sent)} sent, ${formatBytes(decodable)} decodable, ${formatBytes(atTarget)} at target`
  return { part: totalBytes === 0 ? 0 : atTarget / totalBytes, done: atTarget, total: totalBytes, text }
}

function summary(result: PutResult): string[] {
  const { files, folders, symlinks, unchanged, bytes, sentBytes, problems, safety } = result
  const parts = [
    `${count(files, 'file')} (${formatBytes(bytes)})`,
    ...(folders > 0 ? [count(folders, 'folder')] : []),
    ...(symlinks > 0 ? [count(symlinks, 'symlink')] : []),
  ]
  const what = `${parts.join(', ')} stored; ${unchanged} unchanged, ${formatBytes(sentBytes)} sent to providers`
  const left = problems.length > 0 ? `; ${count(problems.length, 'entry', 'entries')} left out` : ''
  return [`${what}${left}.`, ...safetyLines(safety)]
}

/** What was stored now survives; nothing where nothing needed a stripe. */
function safetyLines({ survives, target, missingShards }: PutResult['safety']): string[] {
  const losses = (number: number) =>
    number === 1 ? 'the loss of any one provider' : `the loss of any ${number} providers`
  if (target === 0) return []
  if (survives >= target && missingShards === 0) return [`Safe against ${losses(target)}.`]
  const now = survives === 0 ? 'Not safe against any loss yet' : `Safe against ${losses(survives)}`
  return [
    `${now}, not yet ${target}: ${count(missingShards, 'shard')} still missing; put the same again when the providers are back.`,
  ]
}
