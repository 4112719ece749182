import { Command } from 'commander'
import type { CommandContext, RunCommand } from './context.ts'
import { commandContext } from './context.ts'
import { registerCat } from './commands/cat.ts'
import { registerChain } from './commands/chain.ts'
import { registerCheck } from './commands/check.ts'
import { registerDown } from './commands/down.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerExport } from './commands/export.ts'
import { registerGet } from './commands/get.ts'
import { registerInit } from './commands/init.ts'
import { registerLedger } from './commands/ledger.ts'
import { registerLog } from './commands/log.ts'
import { registerLs } from './commands/ls.ts'
import { registerMember } from './commands/member.ts'
import { registerMkdir } from './commands/mkdir.ts'
import { registerMv } from './commands/mv.ts'
import { registerNetworkNodes } from './commands/network-nodes.ts'
import { registerPeers } from './commands/peers.ts'
import { registerProvider } from './commands/provider.ts'
import { registerProviders } from './commands/providers.ts'
import { registerPut } from './commands/put.ts'
import { registerRecover } from './commands/recover.ts'
import { registerRm } from './commands/rm.ts'
import { registerStat } from './commands/stat.ts'
import { registerStatus } from './commands/status.ts'
import { registerTracker } from './commands/tracker.ts'
import { registerUp } from './commands/up.ts'
import { registerWhoami } from './commands/whoami.ts'
import { registerWitness } from './commands/witness.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 conflict,
6 not enough providers or space, 7 data that can't be trusted or rebuilt.`

/** The command line; what goes wrong is thrown by parseAsync, commander's own complaints as CommanderError. */
export function createProgram(version: string, signal: AbortSignal): Command {
  const program = new Command('allmend')
    .description('Storage that a group owns together.')
    .version(version)
    .option('--home <folder>', "the member's home (default: ALLMEND_HOME or ~/.allmend)")
    .option('--passphrase-file <file>', "the home's passphrase (default: ALLMEND_PASSPHRASE, or asked for)")
    .option('--stale', 'read on though no quorum of witnesses has confirmed the log for a day')
    .option(
      '--transport <auto|udp|tls>',
      'how to connect: auto (the default) takes the better way to each peer; else ALLMEND_TRANSPORT, or as the home says',
    )
    .option('--json', 'print JSON: one document, or one a line for lists')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
  const run: RunCommand =
    (work) =>
    async (...args) => {
      const command = args.at(-1) as Command
      await (work as (context: CommandContext, ...rest: unknown[]) => Promise<void>)(
        commandContext(command, signal),
        ...args.slice(0, -1),
      )
    }
  for (const register of [
    registerUp,
    registerDown,
    registerPut,
    registerGet,
    registerExport,
    registerCat,
    registerLs,
    registerStat,
    registerMkdir,
    registerMv,
    registerRm,
    registerStatus,
    registerCheck,
    registerLog,
    registerLedger,
    registerWitness,
    registerProviders,
    registerPeers,
    registerDoctor,
    registerInit,
    registerRecover,
    registerWhoami,
    registerMember,
    registerProvider,
    registerTracker,
    registerNetworkNodes,
    registerChain,
  ])
    register(program, run)
  return program
}
