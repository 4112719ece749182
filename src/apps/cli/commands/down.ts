import { resolve } from 'node:path'
import type { Command } from 'commander'
import { stopPool } from '../../up/stop-pool.ts'
import type { RunCommand } from '../context.ts'

export function registerDown(program: Command, run: RunCommand): void {
  program
    .command('down')
    .summary('stop what `allmend up` runs in a folder, and wait until it has')
    .option('--dir <folder>', 'the folder', './allmend-data')
    .action(
      run(async ({ output }, options: { dir: string }) => {
        const pid = await stopPool(resolve(options.dir))
        output.result({ stopped: pid !== undefined, ...(pid === undefined ? {} : { pid }) }, [
          pid === undefined
            ? `Nothing runs in ${options.dir}.`
            : `Stopped. \`allmend up\` starts it again with all data.`,
        ])
      }),
    )
}
