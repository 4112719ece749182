import type { Command } from 'commander'
import type { CheckResult } from '../../../client/operations/check.ts'
import { check } from '../../../client/operations/check.ts'
import { formatBytes } from '../text/byte-size.ts'
import { count } from '../text/count.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../text/printable.ts'
import { createProgressBar } from '../text/progress-bar.ts'

/** Files named in text. */
const MAX_NAMES = 50

export function registerCheck(program: Command, run: RunCommand): void {
  program
    .command('check')
    .summary('check that everything of yours is there')
    .option('--read-data', 'read and verify every shard, not only ask for it')
    .action(
      run(async ({ output, withClient, signal, setExitCode }, options: { readData?: boolean }) => {
        const bar = createProgressBar(output.json)
        const result = await withClient((client) =>
          check(client, {
            readData: options.readData === true,
            signal,
            onProgress: ({ stripes, bytes }) =>
              bar.show({
                part: 0,
                done: bytes,
                total: bytes,
                text: `${stripes} stripes, ${formatBytes(bytes)}`,
              }),
          }),
        ).finally(() => bar.end())
        const { stripes, healthy, degraded, atRisk, lost, checkedBytes, problems, files } = result
        output.result(result, [
          `${count(stripes, 'stripe')}: ${healthy} healthy, ${degraded} degraded, ${atRisk} at risk, ${lost} lost` +
            (options.readData === true ? `; ${formatBytes(checkedBytes)} read and verified.` : '.'),
          ...problemLines(problems),
          ...files.slice(0, MAX_NAMES).map((path) => `can't be read now: ${output.name(path)}`),
          ...(files.length > MAX_NAMES
            ? [`and ${files.length - MAX_NAMES} more: --json names them all`]
            : []),
        ])
        const wrong = problems.some(({ what }) => what !== 'unreachable')
        if (lost > 0 || files.length > 0) setExitCode(wrong ? EXIT.untrusted : EXIT.notEnough)
        else if (healthy < stripes) setExitCode(EXIT.failed)
      }),
    )
}

/** Shards that are away by provider; those that are damaged or gone one by one. */
function problemLines(problems: CheckResult['problems']): string[] {
  const away = Map.groupBy(
    problems.filter(({ what }) => what === 'unreachable'),
    ({ provider }) => provider,
  )
  return [
    ...[...away].map(
      ([provider, { length }]) => `unreachable: ${count(length, 'shard')} at provider ${printable(provider)}`,
    ),
    ...problems
      .filter(({ what }) => what !== 'unreachable')
      .map(({ provider, shard, what }) => `${what}: shard ${shard} at provider ${printable(provider)}`),
  ]
}
