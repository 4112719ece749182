import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as readline from 'node:readline'
import { runCommand } from '../end-to-end/run-command.ts'
import type { Line } from './line.ts'

/** Runs `work` beside a Node program on the far host, with the line that it printed first. */
export async function besideFar<T>(
  line: Line,
  script: URL,
  args: readonly string[],
  work: (said: string) => Promise<T>,
): Promise<T> {
  const [command, ...before] = line.on('far')
  const far = spawn(command, [...before, process.execPath, script.pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(far, 'exit')
  try {
    const lines = readline.createInterface({ input: far.stdout })
    const said = await Promise.race([once(lines, 'line'), ended.then(() => undefined)])
    if (said === undefined) throw new Error(`${script.pathname} ended before it was ready`)
    return await work(said[0] as string)
  } finally {
    far.kill()
    await ended
  }
}

/** What a Node program on the near host prints, as JSON. */
export async function runNear<T>(line: Line, script: URL, args: readonly string[]): Promise<T> {
  const [command, ...before] = line.on('near')
  const { stdout } = await runCommand(command, [...before, process.execPath, script.pathname, ...args])
  return JSON.parse(stdout) as T
}
