import type { Command } from 'commander'
import { startNetworkNode } from '../../network/start-network-node.ts'
import type { RunCommand } from '../context.ts'
import { roleLogger } from '../role-logger.ts'
import { runRole } from '../run-role.ts'

interface NodeOptions {
  readonly dir: string
  readonly listen: string
  readonly bootstrap?: readonly string[]
  readonly tracker?: string
  readonly logFile?: string
}

/** `bootstrap start` and `relay start`: nodes that stand alone. */
export function registerNetworkNodes(program: Command, run: RunCommand): void {
  const add = (role: 'bootstrap' | 'relay', summary: string, folder: string): Command =>
    program
      .command(role)
      .summary(summary)
      .command('start')
      .summary(`run a ${role} node; every reachable tracker and provider is one by itself`)
      .requiredOption('--listen <host:port>', 'the UDP port, under a host that others reach')
      .option('--dir <folder>', "the node's folder", folder)
      .option('--bootstrap <host:port...>', 'other bootstrap nodes of the pool')
      .option('--log-file <file>', 'write the log there instead of standard error')
  const start = (role: 'bootstrap' | 'relay', lines: (place: string, address: string) => readonly string[]) =>
    run(async (context, options: NodeOptions) => {
      await runRole(context, role, async () => {
        const running = await startNetworkNode({
          folder: options.dir,
          listen: options.listen,
          bootstrap: options.bootstrap ?? [],
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

  add('bootstrap', 'run a node by which others find each other', './allmend-bootstrap').action(
    start('bootstrap', (place) => [
      `Others find each other by ${place} (UDP). Ctrl-C stops.`,
      'Where the tracker itself can’t be reached from outside, start it with:',
      `  allmend tracker start --bootstrap ${place}`,
    ]),
  )
  add('relay', 'run a node that connects peers whose NATs let neither through', './allmend-relay')
    .requiredOption('--tracker <address>', 'the tracker with its key, as `allmend peers` shows it')
    .action(
      start('relay', (place, address) => [
        `Relaying at ${place} (UDP) for whom the tracker names. Ctrl-C stops.`,
        'The tracker has to know this relay; start it with:',
        `  allmend tracker start --node ${address}`,
      ]),
    )
}
