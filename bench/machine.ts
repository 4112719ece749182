import { execFile } from 'node:child_process'
import { availableParallelism, cpus, freemem, loadavg, release, totalmem, type } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The conditions of a run, one line each. */
export async function describeMachine(folder: string): Promise<string[]> {
  const [one = 0] = loadavg()
  return [
    `date: ${new Date().toISOString()}`,
    `commit: ${await commit()}`,
    `CPU: ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`,
    `memory: ${gib(totalmem())} GiB, ${gib(freemem())} GiB free`,
    `system: ${type()} ${release()}, Node ${process.version}`,
    `disk: ${await disk(folder)}`,
    `load at the start: ${one.toFixed(2)} (1 minute)`,
  ]
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await run('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname })
    return stdout.trim()
  } catch {
    return 'not in a clone'
  }
}

/** File system and device of a folder as Linux tells them; elsewhere unknown. */
async function disk(folder: string): Promise<string> {
  try {
    const { stdout } = await run('df', ['--output=source,fstype', folder])
    const [source = '', fileSystem = ''] = stdout.trim().split('\n').at(-1)!.split(/\s+/)
    return `${fileSystem} on ${source.split('/').at(-1)!}`
  } catch {
    return 'unknown'
  }
}
