import type { Command } from 'commander'
import { check } from '../../../client/check.ts'
import { formatBytes } from '../byte-size.ts'
import { count } from '../count.ts'
import type { RunCommand } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../printable.ts'
import { createProgressBar } from '../progress-bar.ts'

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
          ...problems.map(({ provider, shard, what }) => `${what}: shard ${shard} at ${printable(provider)}`),
          ...files.map((path) => `can't be read now: ${output.name(path)}`),
        ])
        const wrong = problems.some(({ what }) => what !== 'unreachable')
        if (lost > 0 || files.length > 0) setExitCode(wrong ? EXIT.untrusted : EXIT.notEnough)
        else if (healthy < stripes) setExitCode(EXIT.failed)
      }),
    )
}
