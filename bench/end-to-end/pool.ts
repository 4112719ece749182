import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Contender } from './contender.ts'
import { processUsage } from './process-usage.ts'
import type { CommandOutcome } from './run-command.ts'
import { runCommand } from './run-command.ts'

const LAUNCHER = join(import.meta.dirname, '../../bin/allmend.js')
const PROVIDERS = 6
/** Above what the largest run stores on each provider. */
const CAPACITY = '20GB'

interface ReadyLine {
  readonly processes: readonly { readonly role: string; readonly id: string; readonly pid: number }[]
}

/** The part of `status --json` that the benches read. */
export interface PoolBytes {
  readonly logicalBytes: number
  readonly uniqueBytes: number
  readonly storedBytes: number
}

export interface Pool extends Contender {
  status(): Promise<PoolBytes>
  /** Stores into a folder that is there, and lists one; `cpu` is that of the command alone. */
  put(source: string, target: string): Promise<CommandOutcome>
  list(path: string): Promise<CommandOutcome>
  /** Peak resident bytes of the hungriest process of a role so far. */
  peakOf(role: 'provider' | 'tracker'): number
  /** CPU seconds of all processes of each role so far. */
  cpuByRole(): ReadonlyMap<string, number>
}

/**
 * Runs `allmend up` with six providers in `folder`, gives the pool to `work` as alice sees it, and stops it; `launcher` is the
 * `bin/allmend.js` to run, this clone's by default.
 */
export async function withPool<T>(
  folder: string,
  work: (pool: Pool) => Promise<T>,
  launcher = LAUNCHER,
): Promise<T> {
  const layout = ['--dir', folder, '--providers', String(PROVIDERS), '--capacity', CAPACITY]
  const up = spawn(
    process.execPath,
    [launcher, 'up', ...layout, '--members', 'alice', '--restart', 'never', '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const end = (): void => void up.kill('SIGTERM')
  process.once('exit', end)
  try {
    const { processes } = await readyLine(up)
    return await work(poolOf(launcher, join(folder, 'members/alice'), processes))
  } finally {
    process.off('exit', end)
    if (up.exitCode === null && up.signalCode === null) {
      up.kill('SIGTERM')
      await once(up, 'exit')
    }
  }
}

async function readyLine(up: ChildProcess): Promise<ReadyLine> {
  for await (const line of createInterface({ input: up.stdout! })) return JSON.parse(line) as ReadyLine
  throw new Error('allmend up ended before the pool was ready')
}

function poolOf(launcher: string, home: string, processes: ReadyLine['processes']): Pool {
  const allmend = (...args: readonly string[]) =>
    runCommand(process.execPath, [launcher, ...args], { env: { ALLMEND_HOME: home } })
  const serving = () => processes.reduce((sum, { pid }) => sum + processUsage(pid).cpu, 0)
  const counted = async (...args: readonly string[]): Promise<CommandOutcome> => {
    const before = serving()
    const outcome = await allmend(...args)
    return { ...outcome, cpu: outcome.cpu + serving() - before }
  }
  return {
    name: 'allmend',
    async store(source, label) {
      await allmend('mkdir', `/home/${label}`)
      return counted('put', source, `/home/${label}/`)
    },
    async restore(label, into) {
      const { stdout } = await allmend('ls', '--json', `/home/${label}`)
      const { name } = JSON.parse(stdout.split('\n')[0]!) as { readonly name: string }
      return counted('get', `/home/${label}/${name}`, into)
    },
    forget: () => Promise.resolve(),
    async status() {
      const { stdout } = await allmend('status', '--json')
      return JSON.parse(stdout) as PoolBytes
    },
    put: (source, target) => allmend('put', source, target),
    list: (path) => allmend('ls', '--json', path),
    cpuByRole() {
      const seconds = new Map<string, number>()
      for (const { role, pid } of processes)
        seconds.set(role, (seconds.get(role) ?? 0) + processUsage(pid).cpu)
      return seconds
    },
    peakOf: (role) =>
      Math.max(
        ...processes.filter((process) => process.role === role).map(({ pid }) => processUsage(pid).peak),
      ),
  }
}
