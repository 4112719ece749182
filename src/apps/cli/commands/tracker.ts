import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { UsageError } from '../../../core/open/errors.ts'
import type { Logger } from '../../../ports/logger.ts'
import type { LedgerFactory } from '../../tracker/attach-ledger.ts'
import { readLedgerRecord } from '../../tracker/ledger-record.ts'
import type { ChainSource } from '../../tracker/pool-ledger.ts'
import { startTracker } from '../../tracker/start-tracker.ts'
import type { AnchorOptions, ChainNodeOptions } from '../options/chain-options.ts'
import {
  ANCHOR_EVERY,
  ANCHOR_SECONDS,
  CHAIN_KEY_FILE,
  CHAIN_URL,
  anchoringIntervals,
  chainNode,
} from '../options/chain-options.ts'
import type { RunCommand } from '../context.ts'
import { LEDGER_PROBLEM, tellOfLedger } from '../ledger-news.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'
import { countingNumber } from '../options/whole-number.ts'

interface StartOptions extends AnchorOptions, ChainNodeOptions {
  readonly dir: string
  readonly listen?: string
  readonly lease?: number
  readonly chainDir?: string
  readonly chain: boolean
  readonly bootstrap?: readonly string[]
  readonly node?: readonly string[]
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
    .option(
      '--chain-dir <folder>',
      'anchor the log on the embedded chain of this folder (`allmend chain start`)',
    )
    .option(...CHAIN_URL)
    .option(...CHAIN_KEY_FILE)
    .option('--no-chain', 'do without the chain that it had the last time')
    .option(...ANCHOR_EVERY)
    .option(...ANCHOR_SECONDS)
    .option(
      '--bootstrap <host:port...>',
      "nodes by which others find this tracker over UDP (`allmend bootstrap start`), where its port can't be reached; remembered",
    )
    .option(
      '--node <address...>',
      'nodes that belong to the pool and stand alone, as `allmend relay start` shows them; remembered',
    )
    .option('--log-file <file>', 'write the log there instead of standard error')
    .action(
      run(async (context, options: StartOptions) => {
        const source = await chainSource(options)
        await runRole(context, 'tracker', async (tell) => {
          const logger = roleLogger('tracker', options.logFile)
          const running = await startTracker({
            folder: options.dir,
            ...(options.listen === undefined ? {} : { listen: options.listen }),
            ...(options.lease === undefined ? {} : { leaseMs: options.lease * 1_000 }),
            ...(source === undefined ? {} : { ledger: ledgerOf(options.dir, source, logger) }),
            anchoring: anchoringIntervals(options),
            ...(context.transport === undefined ? {} : { transport: context.transport }),
            line: context.line,
            ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap }),
            ...(options.node === undefined ? {} : { nodes: options.node }),
            onLedgerProblem: (problem) =>
              tell({
                line: { [LEDGER_PROBLEM]: problem ?? '' },
                show: (output) => tellOfLedger(output, problem),
              }),
            logger,
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

/** What talks to chains is loaded when there is a pool to open one for. */
function ledgerOf(folder: string, source: ChainSource, logger: Logger): LedgerFactory {
  return async (pool) => {
    const { poolLedger } = await import('../../tracker/pool-ledger.ts')
    return poolLedger(folder, source, logger)(pool)
  }
}

/** Where this tracker's chain is: as it is told, else the node that it had the last time. */
async function chainSource(options: StartOptions): Promise<ChainSource | undefined> {
  const node = chainNode(options)
  if (!options.chain) {
    if (node !== undefined || options.chainDir !== undefined)
      throw new UsageError('--no-chain goes with no other chain')
    return undefined
  }
  if (node !== undefined && options.chainDir !== undefined)
    throw new UsageError('--chain-dir and --chain-url name two chains')
  if (options.chainDir !== undefined) return { folder: options.chainDir }
  return node ?? (await readLedgerRecord(options.dir))?.node
}
