import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { startTracker } from '../../tracker/start-tracker.ts'
import type { RunCommand } from '../context.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'
import { countingNumber } from '../whole-number.ts'

interface StartOptions {
  readonly dir: string
  readonly listen?: string
  readonly lease?: number
  readonly logFile?: string
}

export function registerTracker(program: Command, run: RunCommand): void {
  program
    .command('tracker')
    .summary('run the metadata server of a pool')
    .command('start')
    .summary('run a tracker; a new one prints the token that founds its pool')
    .option('--dir <folder>', "the tracker's folder", './allmend-tracker')
    .option(
      '--listen <host:port>',
      'where to take connections; by default where it was last, or any free port',
    )
    .option(
      '--lease <seconds>',
      'life of shards that were sent but not committed; by default a day',
      countingNumber,
    )
    .option('--log-file <file>', 'write the log there instead of standard error')
    .action(
      run(async (context, options: StartOptions) => {
        await runRole(context, 'tracker', async () => {
          const running = await startTracker({
            folder: options.dir,
            ...(options.listen === undefined ? {} : { listen: options.listen }),
            ...(options.lease === undefined ? {} : { leaseMs: options.lease * 1_000 }),
            logger: roleLogger('tracker', options.logFile),
          })
          const { address, peerId, poolId, foundingToken } = running
          return {
            ready: {
              peer: toHex(peerId),
              address,
              ...(poolId === undefined ? {} : { pool: toHex(poolId) }),
              ...(foundingToken === undefined ? {} : { foundingToken }),
            },
            lines: [
              `The tracker listens at ${address}. Ctrl-C stops; data stays.`,
              ...(foundingToken === undefined
                ? []
                : ['Found the pool and become its first member:', `  allmend init --join ${foundingToken}`]),
            ],
            settled: Promise.resolve(),
            close: () => running.close(),
          }
        })
      }),
    )
}
