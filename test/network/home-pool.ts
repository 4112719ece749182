/** A pool as families run it: the tracker on a public host, providers and members at homes, each command a process on its host. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import type { Lab } from './lab.ts'

const LAUNCHER = path.join(import.meta.dirname, '..', '..', 'bin', 'allmend.js')
const PORT = 4433

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class HomePool {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-homes-'))
  readonly lab: Lab
  /** The tracker's public address. */
  readonly #at: string
  readonly #roles = new Map<string, ChildProcess>()
  /** What the tracker said when it was ready. */
  ready: Readonly<Record<string, string>> = {}

  private constructor(lab: Lab) {
    this.lab = lab
    this.#at = lab.publicHost('tracker')
  }

  /** Starts the tracker; the pool is founded by `join`. */
  static async start(lab: Lab): Promise<HomePool> {
    const pool = new HomePool(lab)
    const dir = `--dir=${pool.at('tracker')}`
    pool.ready = await pool.role('tracker', 'tracker', [
      'tracker',
      'start',
      dir,
      `--listen=${pool.#at}:${PORT}`,
    ])
    return pool
  }

  /** A path for the pool's and the test's files. */
  at(...names: string[]): string {
    return path.join(this.root, ...names)
  }

  /** Makes a member's home, on the host of his name. */
  async join(name: string, token: string): Promise<void> {
    await this.json(
      name,
      'init',
      `--join=${token}`,
      `--name=${name}`,
      '--unattended',
      `--phrase-file=${this.at(`${name}.words`)}`,
    )
  }

  /** A command of a member, on the host of his name. */
  spawn(
    name: string,
    ...args: string[]
  ): { readonly child: ChildProcess; readonly finished: Promise<Output> } {
    const child = this.#spawn(name, args, { ALLMEND_HOME: this.at('homes', name) })
    const collect = (stream: NodeJS.ReadableStream | null): Buffer[] => {
      const parts: Buffer[] = []
      stream?.on('data', (bytes: Buffer) => parts.push(bytes))
      return parts
    }
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
    const text = (parts: Buffer[]): string => Buffer.concat(parts).toString('utf8')
    const finished = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: text(stdout),
      stderr: text(stderr),
    }))
    return { child, finished }
  }

  /** The lines of JSON that a command prints; throws what it complained of. */
  async json<T = Record<string, string>>(name: string, ...args: string[]): Promise<T[]> {
    const { code, stdout, stderr } = await this.spawn(name, ...args, '--json').finished
    if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}: ${stderr}`)
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  }

  /** Starts a provider on a host. */
  async provider(host: string, name: string, inviter: string): Promise<void> {
    const [invite] = await this.json(inviter, 'provider', 'invite')
    const store = `--store=${this.at('providers', name)}`
    await this.role(host, name, [
      'provider',
      'start',
      store,
      `--join=${invite?.['token']}`,
      '--capacity=2GB',
      `--name=${name}`,
    ])
  }

  /** Starts a role on a host, and waits until it is ready. */
  async role(host: string, name: string, args: readonly string[]): Promise<Record<string, string>> {
    const child = this.#spawn(host, [...args, '--json', `--log-file=${this.at('logs', `${name}.log`)}`])
    this.#roles.set(name, child)
    const complaint: Buffer[] = []
    child.stderr?.on('data', (bytes: Buffer) => complaint.push(bytes))
    const lines = readline.createInterface({ input: child.stdout! })
    const [line] = (await Promise.race([once(lines, 'line'), once(child, 'close').then(() => [''])])) as [
      string,
    ]
    if (line === '') throw new Error(`${name} did not start: ${Buffer.concat(complaint).toString('utf8')}`)
    return JSON.parse(line) as Record<string, string>
  }

  /** Kills roles with SIGKILL, and waits until they are gone. */
  async kill(...names: string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const child = this.#roles.get(name)
        this.#roles.delete(name)
        if (child === undefined || child.exitCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
  }

  #spawn(host: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [command, ...before] = this.lab.on(host)
    // `ip netns exec` becomes the command, so that a signal to it is one to the command.
    return spawn(command, [...before, process.execPath, LAUNCHER, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
  }

  async close(): Promise<void> {
    await this.kill(...this.#roles.keys())
    await this.lab.close()
    fs.rmSync(this.root, { recursive: true, force: true })
  }
}
