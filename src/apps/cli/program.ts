import { Command } from 'commander'
import type { CommandContext, RunCommand } from './context.ts'
import { commandContext } from './context.ts'
import { addLimitOptions } from './options/limit-options.ts'
import { wholeNumber } from './options/whole-number.ts'

type Register = (program: Command, run: RunCommand) => void

/** In the order of the help. Most of what one command imports no other needs: a provider would hold 12 MB of it as long as it runs. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  up: async () => (await import('./commands/up.ts')).registerUp,
  down: async () => (await import('./commands/down.ts')).registerDown,
  put: async () => (await import('./commands/put.ts')).registerPut,
  get: async () => (await import('./commands/get.ts')).registerGet,
  export: async () => (await import('./commands/export.ts')).registerExport,
  cat: async () => (await import('./commands/cat.ts')).registerCat,
  ls: async () => (await import('./commands/ls.ts')).registerLs,
  stat: async () => (await import('./commands/stat.ts')).registerStat,
  mkdir: async () => (await import('./commands/mkdir.ts')).registerMkdir,
  mv: async () => (await import('./commands/mv.ts')).registerMv,
  rm: async () => (await import('./commands/rm.ts')).registerRm,
  status: async () => (await import('./commands/status.ts')).registerStatus,
  check: async () => (await import('./commands/check.ts')).registerCheck,
  log: async () => (await import('./commands/log.ts')).registerLog,
  ledger: async () => (await import('./commands/ledger.ts')).registerLedger,
  witness: async () => (await import('./commands/witness.ts')).registerWitness,
  providers: async () => (await import('./commands/providers.ts')).registerProviders,
  peers: async () => (await import('./commands/peers.ts')).registerPeers,
  limits: async () => (await import('./commands/limits.ts')).registerLimits,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
  init: async () => (await import('./commands/init.ts')).registerInit,
  recover: async () => (await import('./commands/recover.ts')).registerRecover,
  whoami: async () => (await import('./commands/whoami.ts')).registerWhoami,
  member: async () => (await import('./commands/member.ts')).registerMember,
  provider: async () => (await import('./commands/provider.ts')).registerProvider,
  tracker: async () => (await import('./commands/tracker.ts')).registerTracker,
  relay: async () => (await import('./commands/network-nodes.ts')).registerRelay,
  bootstrap: async () => (await import('./commands/network-nodes.ts')).registerBootstrap,
  chain: async () => (await import('./commands/chain.ts')).registerChain,
}
/** What `up` starts: it leaves the compiled code of all of them in the cache. */
const STARTS_OTHERS = 'up'
const HELP = ['help', '--help', '-h']

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied, 5 conflict,
6 not enough providers or space, 7 data that can't be trusted or rebuilt.`

/** The commands whose names stand anywhere among the arguments; all for whoever asks for help, and where none is named. */
function wanted(args: readonly string[]): (() => Promise<Register>)[] {
  const named = Object.keys(COMMANDS).filter((name) => args.includes(name))
  const isAll =
    named.length === 0 || named.includes(STARTS_OTHERS) || HELP.some((word) => args.includes(word))
  return (isAll ? Object.keys(COMMANDS) : named).map((name) => COMMANDS[name]!)
}

/** The command line for these arguments; what goes wrong is thrown by parseAsync, commander's own complaints as CommanderError. */
export async function createProgram(
  version: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Command> {
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
    .option(
      '--tracker-wait <seconds>',
      'how long to wait for a tracker that is away (default: 20)',
      wholeNumber,
    )
    .option('--json', 'print JSON: one document, or one a line for lists')
  addLimitOptions(program)
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
  for (const load of wanted(args)) (await load())(program, run)
  return program
}
