/**
 * One role as a child process. Invariants: it is ready when it printed its line, and further lines are its news; when it dies unasked, `onExit` hears of it
 * once; its standard input is a pipe that nobody writes to and that closes with this process, whatever ends it.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { extname, join } from 'node:path'
import * as readline from 'node:readline'
import { InternalError } from '../../core/open/errors.ts'
import { SUPERVISED } from '../cli/run-role.ts'

/** A role that stopped answering is killed: its folder survives that. */
const STOP_MS = 10_000
/** On a busy machine seven processes start at once. */
const READY_MS = 60_000
/** A role's last words, for whoever started it. */
const MAX_COMPLAINT_BYTES = 4_096

export interface RoleCommand {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Takes what the role prints on standard error. */
  readonly log: string
}

export type ReadyLine = Readonly<Record<string, string>>

const main = join(import.meta.dirname, '..', 'cli', `main${extname(import.meta.filename)}`)

export class RoleProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly ready: Promise<ReadyLine>

  constructor(command: RoleCommand, onExit: () => void, onNews: (line: ReadyLine) => void) {
    const log = fs.openSync(command.log, 'a', 0o600)
    const from = fs.fstatSync(log).size
    try {
      this.#child = spawn(process.execPath, [main, ...command.args], {
        stdio: ['pipe', 'pipe', log],
        env: { ...process.env, ...command.env, [SUPERVISED]: '1' },
      })
    } finally {
      fs.closeSync(log)
    }
    this.#child.stdin?.on('error', () => {
      // The role is gone; `exit` tells.
    })
    this.#exited = new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.once('error', () => resolve())
    }).then(onExit)
    this.ready = this.#waitForLine(command.log, from, onNews)
    // Whoever waits for it hears of a failure; nobody has to.
    this.ready.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** SIGTERM, and SIGKILL when that doesn't help; resolves when the process is gone. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    this.#child.kill('SIGTERM')
    this.#child.stdin?.end()
    await this.#exited
    clearTimeout(timer)
  }

  async #waitForLine(log: string, from: number, onNews: (line: ReadyLine) => void): Promise<ReadyLine> {
    const { stdout } = this.#child
    if (stdout === null) throw new InternalError('a role has no output')
    const lines = readline.createInterface({ input: stdout })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), READY_MS)
    try {
      const line = await Promise.race([once(lines, 'line'), this.#exited])
      if (!Array.isArray(line))
        throw new InternalError(`a role did not start: ${complaint(log, from)}`, { log })
      lines.on('line', (news) => onNews(parseLine(news)))
      return parseLine(String(line[0]))
    } finally {
      clearTimeout(timer)
    }
  }
}

function parseLine(line: string): ReadyLine {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw new InternalError('a role printed something else than its line', {}, { cause })
  }
  if (typeof parsed !== 'object' || parsed === null) throw new InternalError('a role printed no object')
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, String(value)]))
}

/** What the role said on standard error since it was started. */
function complaint(log: string, from: number): string {
  const text = fs.readFileSync(log).subarray(from).subarray(-MAX_COMPLAINT_BYTES).toString('utf8')
  const said = text.split('\n').findLast((line) => line.startsWith('allmend:'))
  return said?.replace(/^allmend: /, '') ?? `see ${log}`
}
