import { resolve } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { UsageError } from '../../../core/open/errors.ts'
import { parseByteSize } from '../../../core/open/parse-byte-size.ts'
import { startPool } from '../../up/start-pool.ts'
import type { AnchorOptions, ChainNodeOptions } from '../options/chain-options.ts'
import {
  ANCHOR_EVERY,
  ANCHOR_SECONDS,
  CHAIN_KEY_FILE,
  CHAIN_URL,
  chainNode,
} from '../options/chain-options.ts'
import type { ChainNode } from '../../tracker/ledger-record.ts'
import type { RunCommand } from '../context.ts'
import { tellOfLedger } from '../ledger-news.ts'
import { OFFLINE_AFTER } from '../options/offline-option.ts'
import { upText } from '../text/up-text.ts'
import { countingNumber, wholeNumber } from '../options/whole-number.ts'

interface Options extends AnchorOptions, ChainNodeOptions {
  readonly dir: string
  readonly providers: number
  readonly capacity: string
  readonly members: string
  readonly restart: 'always' | 'never'
  readonly lease?: number
  readonly offlineAfter?: number
  readonly chain: boolean
}

const MAX_PROVIDERS = 64

export function registerUp(program: Command, run: RunCommand): void {
  program
    .command('up')
    .summary('run a whole pool on this machine')
    .description(
      'Runs a chain, a tracker, providers and members, each role a process of its own, until Ctrl-C or `allmend down`.\n' +
        'Starts again on the same folder with all data, whatever happened to it before.',
    )
    .option('--dir <folder>', 'where everything is kept', './allmend-data')
    .option('--providers <number>', 'how many providers at least', wholeNumber, 6)
    .option('--capacity <size>', 'what each of them lends', '10GB')
    .option('--members <names>', 'who there is, the first one founds the pool', 'alice,bob')
    .addOption(
      new Option('--restart <policy>', 'what to do when a role dies')
        .choices(['always', 'never'])
        .default('always'),
    )
    .option(
      '--lease <seconds>',
      'life of shards that were sent but not committed; by default a day',
      countingNumber,
    )
    .option(...OFFLINE_AFTER)
    .option(...CHAIN_URL)
    .option(...CHAIN_KEY_FILE)
    .option('--no-chain', 'run without a chain: the log is proven by its signatures and witnesses alone')
    .option(...ANCHOR_EVERY)
    .option(...ANCHOR_SECONDS)
    .action(
      run(async ({ output, signal, transport, line }, options: Options) => {
        if (options.providers < 1 || options.providers > MAX_PROVIDERS)
          throw new UsageError(`--providers is 1 to ${MAX_PROVIDERS}`)
        const members = options.members.split(',').map((name) => name.trim())
        if (new Set(members).size !== members.length) throw new UsageError('--members names somebody twice')
        const node = chainNode(options)
        if (node !== undefined && !options.chain) throw new UsageError('--no-chain goes with no other chain')
        // A pool goes on without its chain: a key that isn't there would be noticed late.
        if (node !== undefined) await readKeyOf(node)
        const { anchorEvery, anchorSeconds } = options
        const pool = await startPool({
          dir: resolve(options.dir),
          providers: options.providers,
          capacity: parseByteSize(options.capacity),
          members,
          restart: options.restart,
          ...(options.lease === undefined ? {} : { leaseSeconds: options.lease }),
          ...(options.offlineAfter === undefined ? {} : { offlineAfterSeconds: options.offlineAfter }),
          chain: options.chain ? (node ?? 'embedded') : 'none',
          ...(anchorEvery === undefined ? {} : { anchorEvery }),
          ...(anchorSeconds === undefined ? {} : { anchorSeconds }),
          transport,
          limits: line.options,
          signal,
          onLedgerProblem: (problem) => tellOfLedger(output, problem),
        })
        try {
          output.result({ processes: pool.processes() }, upText(pool, options.dir))
          await pool.stopped
        } finally {
          await pool.stop()
        }
      }),
    )
}

/** Throws NotFoundError, MalformedError; what keys take is loaded for those who name one. */
async function readKeyOf({ keyFile }: ChainNode): Promise<void> {
  const { readChainKey } = await import('../../chain/chain-key-file.ts')
  await readChainKey(keyFile)
}
