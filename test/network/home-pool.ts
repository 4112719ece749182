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

/** Where the pool's hosts are. */
export type HomeLab = Pick<Lab, 'on' | 'publicHost' | 'close'>

export interface HomePoolOptions {
  /** The tracker's. */
  readonly port?: number
  /** What every process gets. */
  readonly env?: Readonly<Record<string, string>>
  /** The home in which the tracker is; by default it has a public host of its own. */
  readonly trackerAt?: string
  /** Providers are told nothing of where the tracker is but its key. */
  readonly byKey?: boolean
}

export interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class HomePool {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-homes-'))
  readonly lab: HomeLab
  /** The tracker's host, and what it is started with. */
  readonly #tracker: { readonly host: string; readonly args: readonly string[] }
  readonly #env: Readonly<Record<string, string>>
  readonly #byKey: boolean
  readonly #roles = new Map<string, ChildProcess>()
  /** Of homes that are on a host of another name. */
  readonly #hosts = new Map<string, string>()
  /** What the tracker said when it was ready. */
  ready: Readonly<Record<string, string>> = {}
  /** What roles complained of on standard error. */
  readonly complaints: string[] = []

  private constructor(lab: HomeLab, { port = PORT, env = {}, trackerAt, byKey = false }: HomePoolOptions) {
    this.lab = lab
    this.#env = env
    this.#byKey = byKey
    const args = trackerAt === undefined ? [`--listen=${lab.publicHost('tracker')}:${port}`] : []
    this.#tracker = { host: trackerAt ?? 'tracker', args }
  }

  /** Starts the tracker unless it is at a home; the pool is founded by `join`. */
  static async start(lab: HomeLab, options: HomePoolOptions = {}): Promise<HomePool> {
    const pool = new HomePool(lab, options)
    if (options.trackerAt === undefined) await pool.startTracker()
    return pool
  }

  /** Starts the tracker, or starts it again. */
  async startTracker(...more: string[]): Promise<void> {
    const { host, args } = this.#tracker
    this.ready = await this.role(host, 'tracker', [
      'tracker',
      'start',
      `--dir=${this.at('tracker')}`,
      ...args,
      ...more,
    ])
  }

  /** A path for the pool's and the test's files. */
  at(...names: string[]): string {
    return path.join(this.root, ...names)
  }

  /** Makes a member's home, on the host of his name. */
  async join(name: string, token: string, ...more: string[]): Promise<void> {
    await this.json(
      name,
      'init',
      `--join=${token}`,
      `--name=${name}`,
      '--unattended',
      `--phrase-file=${this.at(`${name}.words`)}`,
      ...more,
    )
  }

  /** Makes another home of a member, on this host; commands name it `device`. */
  async recover(device: string, host: string, member: string): Promise<void> {
    this.#hosts.set(device, host)
    const [invite] = await this.json(member, 'provider', 'invite')
    const words = `--phrase-file=${this.at(`${member}.words`)}`
    await this.json(device, 'recover', `--tracker=${invite?.['token']}`, words, '--unattended')
  }

  /** The token as a person passes it on: by the tracker's key alone where there is but a LAN. */
  #tokenToShow(token: string): string {
    return this.#byKey ? token.replace(/^[^#]*\+([^@#]+)[^#]*/, '$1') : token
  }

  /** The host of a member or of his device. */
  hostOf(name: string): string {
    return this.#hosts.get(name) ?? name
  }

  /** A command of a member, on the host of his name or of his device. */
  spawn(
    name: string,
    ...args: string[]
  ): { readonly child: ChildProcess; readonly finished: Promise<Output> } {
    const child = this.#spawn(this.hostOf(name), args, { ALLMEND_HOME: this.at('homes', name) })
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

  /** Starts a node that stands alone on a host; its address. */
  async networkNode(role: 'bootstrap' | 'relay', host: string, ...more: string[]): Promise<string> {
    const { address } = await this.role(host, host, [role, 'start', `--dir=${this.at(host)}`, ...more])
    return address ?? ''
  }

  /** Starts a provider on a host. */
  async provider(host: string, name: string, inviter: string, ...more: string[]): Promise<void> {
    const [invite] = await this.json(inviter, 'provider', 'invite')
    const store = `--store=${this.at('providers', name)}`
    await this.role(host, name, [
      'provider',
      'start',
      store,
      `--join=${this.#tokenToShow(invite?.['token'] ?? '')}`,
      '--capacity=2GB',
      `--name=${name}`,
      ...more,
    ])
  }

  /** Starts a provider of the pool that has ended, on its host. */
  async restart(host: string, name: string, ...more: string[]): Promise<void> {
    await this.role(host, name, ['provider', 'start', `--store=${this.at('providers', name)}`, ...more])
  }

  /** A role's process. */
  process(name: string): ChildProcess {
    const child = this.#roles.get(name)
    if (child === undefined) throw new Error(`${name} doesn't run`)
    return child
  }

  /** Starts a role on a host, and waits until it is ready. */
  async role(host: string, name: string, args: readonly string[]): Promise<Record<string, string>> {
    const child = this.#spawn(host, [...args, '--json', `--log-file=${this.at('logs', `${name}.log`)}`])
    this.#roles.set(name, child)
    child.stderr?.on('data', (bytes: Buffer) => this.complaints.push(`${name}: ${bytes.toString('utf8')}`))
    const lines = readline.createInterface({ input: child.stdout! })
    const [line] = (await Promise.race([once(lines, 'line'), once(child, 'close').then(() => [''])])) as [
      string,
    ]
    if (line === '') throw new Error(`${name} did not start: ${this.complaints.join('')}`)
    return JSON.parse(line) as Record<string, string>
  }

  /** Kills roles with SIGKILL, and waits until they are gone. */
  kill(...names: string[]): Promise<void> {
    return this.end('SIGKILL', ...names)
  }

  /** Ends roles with a signal, and waits until they are gone. */
  async end(signal: NodeJS.Signals, ...names: string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const child = this.#roles.get(name)
        this.#roles.delete(name)
        if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
        child.kill(signal)
        await once(child, 'exit')
      }),
    )
  }

  #spawn(host: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [command, ...before] = [...this.lab.on(host), process.execPath] as const
    // `ip netns exec` becomes the command, so that a signal to it is one to the command. It ends with the channel.
    return spawn(command, [...before, LAUNCHER, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'] ?? '', ...this.#env, ...env },
    })
  }

  async close(): Promise<void> {
    await this.kill(...this.#roles.keys())
    await this.lab.close()
    fs.rmSync(this.root, { recursive: true, force: true })
  }
}
