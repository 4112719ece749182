import type { Command } from 'commander'
import { startNetworkNode } from '../../network/start-network-node.ts'
import type { RunCommand } from '../context.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'

type NodeRole = 'bootstrap' | 'relay'

interface NodeOptions {
  readonly dir: string
  readonly listen: string
  readonly bootstrap?: readonly string[]
  readonly tracker?: string
  readonly logFile?: string
}

function addNode(program: Command, role: NodeRole, summary: string): Command {
  return program
    .command(role)
    .summary(summary)
    .command('start')
    .summary(`run a ${role} node; every reachable tracker and provider is one by itself`)
    .requiredOption('--listen <host:port>', 'the UDP port, under a host that others reach')
    .option('--dir <folder>', "the node's folder", `./allmend-${role}`)
    .option('--bootstrap <host:port...>', 'other bootstrap nodes of the pool')
    .option('--log-file <file>', 'write the log there instead of standard error')
}

function startNode(
  run: RunCommand,
  role: NodeRole,
  lines: (place: string, address: string) => readonly string[],
) {
  return run(async (context, options: NodeOptions) => {
    await runRole(context, role, async () => {
      const running = await startNetworkNode({
        folder: options.dir,
        listen: options.listen,
        bootstrap: options.bootstrap ?? [],
        line: context.line,
        ...(options.tracker === undefined ? {} : { tracker: options.tracker }),
        logger: roleLogger(role, options.logFile),
      })
      const { place, address } = running
      return {
        ready: { address, place },
        lines: lines(place, address),
        settled: Promise.resolve(),
        close: () => running.close(),
      }
    })
  })
}

/** `bootstrap start`: a node that stands alone. */
export function registerBootstrap(program: Command, run: RunCommand): void {
  addNode(program, 'bootstrap', 'run a node by which others find each other').action(
    startNode(run, 'bootstrap', (place) => [
      `Others find each other by ${place} (UDP). Ctrl-C stops.`,
      'Where the tracker itself can’t be reached from outside, start it with:',
      `  allmend tracker start --bootstrap ${place}`,
    ]),
  )
}

/** `relay start`: a node that stands alone. */
export function registerRelay(program: Command, run: RunCommand): void {
  addNode(program, 'relay', 'run a node that connects peers whose NATs let neither through')
    .requiredOption('--tracker <address>', 'the tracker with its key, as `allmend peers` shows it')
    .action(
      startNode(run, 'relay', (place, address) => [
        `Relaying at ${place} (UDP) for whom the tracker names. Ctrl-C stops.`,
        'The tracker has to know this relay; start it with:',
        `  allmend tracker start --node ${address}`,
      ]),
    )
}
