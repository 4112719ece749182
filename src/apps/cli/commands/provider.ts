import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { parseByteSize } from '../../../core/open/parse-byte-size.ts'
import { inviteProvider } from '../../../client/membership/invite-provider.ts'
import { PROVIDER_HEAP_GROWTH, REPLAY_HEAP_GROWTH, collectLess } from '../../node/collect-less.ts'
import { startProvider } from '../../provider/start-provider.ts'
import { BOOTSTRAP } from '../options/bootstrap-option.ts'
import { formatBytes } from '../text/byte-size.ts'
import type { RunCommand } from '../context.ts'
import { OFFLINE_AFTER } from '../options/offline-option.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'

interface StartOptions {
  readonly join?: string
  readonly bootstrap?: readonly string[]
  readonly capacity?: string
  readonly store: string
  readonly listen?: string
  readonly name?: string
  readonly logFile?: string
  readonly offlineAfter?: number
}

export function registerProvider(program: Command, run: RunCommand): void {
  const provider = program.command('provider').summary('lend disk to the pool')

  provider
    .command('invite')
    .summary('a one-time token for one provider, which will belong to you')
    .action(
      run(async ({ output, withClient }) => {
        const token = await withClient((client) => inviteProvider(client, {}))
        output.result({ token }, [token])
        output.note(
          'On the machine with the disk: allmend provider start --join <token> --capacity 100GB --store <folder>',
        )
      }),
    )

  provider
    .command('start')
    .summary('run a provider')
    .option('--join <token>', "an invite's token, the first time; else from ALLMEND_JOIN")
    .option(...BOOTSTRAP)
    .option('--capacity <size>', 'how much to lend, such as 100GB; remembered')
    .requiredOption('--store <folder>', "the provider's folder")
    .option(
      '--listen <host:port>',
      'where to take connections; by default where it was last, or any free port',
    )
    .option('--name <name>', "what the provider is called; by default the machine's name")
    .option('--log-file <file>', 'write the log there instead of standard error')
    .option(...OFFLINE_AFTER)
    .action(
      run(async (context, options: StartOptions) => {
        const join = options.join ?? process.env['ALLMEND_JOIN']
        await runRole(context, 'provider', async () => {
          const running = await startProvider({
            store: options.store,
            ...(join === undefined ? {} : { join }),
            ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap }),
            ...(options.capacity === undefined ? {} : { capacity: parseByteSize(options.capacity) }),
            ...(options.listen === undefined ? {} : { listen: options.listen }),
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(context.transport === undefined ? {} : { transport: context.transport }),
            line: context.line,
            ...(options.offlineAfter === undefined ? {} : { offlineAfterMs: options.offlineAfter * 1_000 }),
            onReplay: (isReplaying) => collectLess(isReplaying ? REPLAY_HEAP_GROWTH : PROVIDER_HEAP_GROWTH),
            logger: roleLogger('provider', options.logFile),
          })
          return {
            ready: { peer: toHex(running.id), address: running.address, pool: toHex(running.pool) },
            lines: [
              `Lending ${formatBytes(running.capacity)} at ${running.address}. Ctrl-C stops; data stays.`,
            ],
            settled: running.reported,
            close: () => running.close(),
          }
        })
      }),
    )
}
