import type { Command } from 'commander'
import type { RunCommand } from '../context.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'

interface StartOptions {
  readonly dir: string
  readonly listen?: string
  readonly logFile?: string
}

export function registerChain(program: Command, run: RunCommand): void {
  program
    .command('chain')
    .summary('run the embedded chain of a pool')
    .command('start')
    .summary('run an EVM chain of one process that survives kills; `allmend up` does it by itself')
    .option('--dir <folder>', "the chain's folder", './allmend-chain')
    .option(
      '--listen <host:port>',
      'where to answer JSON-RPC; by default where it was last, or any free port of 127.0.0.1',
    )
    .option('--log-file <file>', 'write the log there instead of standard error')
    .action(
      run(async (context, options: StartOptions) => {
        await runRole(context, 'chain', async () => {
          // What it needs is loaded by this command alone.
          const { startChain } = await import('../../chain/start-chain.ts')
          const running = await startChain({
            folder: options.dir,
            ...(options.listen === undefined ? {} : { listen: options.listen }),
            logger: roleLogger('chain', options.logFile),
          })
          const { url, address, chainId } = running
          return {
            ready: { address, url, chainId: String(chainId) },
            lines: [`The chain ${chainId} answers at ${url}. Ctrl-C stops; data stays.`],
            settled: Promise.resolve(),
            close: () => running.close(),
          }
        })
      }),
    )
}
