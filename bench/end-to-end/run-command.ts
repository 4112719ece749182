import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { processUsage } from './process-usage.ts'

/** A poll costs 20 µs; what a process takes in its last 20 ms isn't seen. */
const POLL_MS = 20

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface CommandOutcome {
  readonly seconds: number
  /** Peak resident bytes of the process, without its children; 0 where the system doesn't tell. */
  readonly peak: number
  /** CPU seconds of the process and of those that serve it. */
  readonly cpu: number
  readonly stdout: string
}

/** Runs a program to its end; throws with what it wrote when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  { cwd, env }: CommandOptions = {},
): Promise<CommandOutcome> {
  const start = performance.now()
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let peak = 0
  let cpu = 0
  const poll = setInterval(() => {
    if (child.pid === undefined) return
    const usage = processUsage(child.pid)
    peak = Math.max(peak, usage.peak)
    cpu = Math.max(cpu, usage.cpu)
  }, POLL_MS)
  try {
    const output = Promise.all([text(child.stdout), text(child.stderr)])
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    const seconds = (performance.now() - start) / 1000
    const [stdout, stderr] = await output
    if (code !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}:\n${stderr}${stdout}`)
    return { seconds, peak, cpu, stdout }
  } finally {
    clearInterval(poll)
  }
}

/** Waits until everything written to the file system of `folder` is on its disk. */
export async function syncDisk(folder: string): Promise<void> {
  await runCommand('sync', ['-f', folder])
}

/** A command and the sync after it, as one time; what was written before is synced first. */
export async function runDurably(
  folder: string,
  work: () => Promise<CommandOutcome>,
): Promise<CommandOutcome> {
  await syncDisk(folder)
  const start = performance.now()
  const outcome = await work()
  await syncDisk(folder)
  return { ...outcome, seconds: (performance.now() - start) / 1000 }
}
