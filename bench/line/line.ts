/**
 * Two hosts (network namespaces) with one line between them that has a rate, a delay and loss. Needs root, `ip`, Go and /dev/net/tun;
 * leaves nothing behind after `close`, nor when this process exits.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { labMissing } from '../../test/network/lab.ts'

const SOURCE = path.join(import.meta.dirname, 'line.go')

/** What holds for both directions, each by itself. */
export interface LineCondition {
  readonly mbits: number
  /** Without queues; half of it each way. */
  readonly rttMs: number
  /** Up to so much more each way, in order. */
  readonly jitterMs?: number
  /** Share of packets that are lost at random. */
  readonly loss?: number
  /** What the queue in front of the line holds, as time at its rate; by default as much as home routers do. */
  readonly queueMs?: number
  /** Makes losses repeat, as far as packets do. */
  readonly seed?: number
}

/** What went over the line in one direction since it was made. */
export interface LineCounters {
  readonly packets: number
  /** IP bytes, those of lost packets included. */
  readonly bytes: number
  readonly lost: number
  /** Packets for which the queue had no room. */
  readonly dropped: number
  /** Packets for which the line's process had no room: the measurement is void. */
  readonly overrun: number
  /** The most that a packet came late through the load of this machine, µs, since the counters were read last. */
  readonly lateUs: number
}

/** Where it is shorter than a round trip or so, several senders with BBR drop a third of what they send. */
const QUEUE_MS = 100

const NET = '44.128.8.0/24'
export type LineHost = 'near' | 'far'

/** Documentation and private networks would count as unroutable, or as a LAN. */
const ADDRESSES: Readonly<Record<LineHost, string>> = { near: '44.128.8.1', far: '44.128.8.2' }

/** Why this machine can't have a line; undefined where it can. */
export function lineMissing(): string | undefined {
  const missing = labMissing(['ip'])
  if (missing !== undefined) return missing
  if (!fs.existsSync('/dev/net/tun')) return '/dev/net/tun is missing'
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' })
  } catch {
    return 'go is missing'
  }
  return undefined
}

export class Line {
  readonly #prefix: string
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(prefix: string, folder: string, shim: ChildProcess) {
    this.#prefix = prefix
    this.#folder = folder
    this.#process = shim
    this.#answers = readline.createInterface({ input: shim.stdout! })[Symbol.asyncIterator]()
    process.once('exit', this.#remove)
  }

  /** Makes both hosts and the line, which is clean and quick until `set` is called. */
  static async open(): Promise<Line> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-line-'))
    const prefix = path.basename(folder).slice('allmend-'.length)
    const shim = path.join(folder, 'line')
    execFileSync('go', ['build', '-o', shim, SOURCE])
    for (const host of ['near', 'far']) {
      ip('netns', 'add', `${prefix}-${host}`)
      ip('-n', `${prefix}-${host}`, 'link', 'set', 'lo', 'up')
    }
    const ends = (['near', 'far'] as const).flatMap((host) => [`${prefix}-${host}`, `${ADDRESSES[host]}/24`])
    // Ahead of what it measures: it may come late by the time that another process keeps the processor.
    const child = spawn('nice', ['-n', '-15', shim, ...ends], { stdio: ['pipe', 'pipe', 'inherit'] })
    const line = new Line(prefix, folder, child)
    await line.counters()
    return line
  }

  /** Makes a condition hold from now on. */
  async set(condition: LineCondition): Promise<void> {
    await this.#ask({ queueMs: QUEUE_MS, ...condition })
  }

  /** What has passed so far. */
  async counters(): Promise<Readonly<Record<'outward' | 'homeward', LineCounters>>> {
    const [outward, homeward] = await this.#ask(null)
    return { outward, homeward }
  }

  async #ask(condition: LineCondition | null): Promise<readonly [LineCounters, LineCounters]> {
    this.#process.stdin!.write(`${JSON.stringify(condition)}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error('the line broke')
    return JSON.parse(value) as [LineCounters, LineCounters]
  }

  /**
   * What TCP senders of both hosts do about congestion, on connections that are made from now on. By route: in a namespace the sysctl
   * takes only what the whole machine allows to everybody.
   */
  setCongestionControl(name: 'cubic' | 'bbr'): void {
    for (const host of ['near', 'far'] as const)
      ip('-n', `${this.#prefix}-${host}`, 'route', 'replace', NET, 'dev', 'line0', 'congctl', name)
  }

  publicHost(name: LineHost): string {
    return ADDRESSES[name]
  }

  /** The words that run a command on a host when they are put in front of it. */
  on(host: LineHost): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', `${this.#prefix}-${host}`]
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin!.end()
    if (this.#process.exitCode === null && this.#process.signalCode === null) await ended
    process.off('exit', this.#remove)
    this.#remove()
  }

  /** The shim ends by itself, with its standard input. */
  readonly #remove = (): void => {
    for (const host of ['near', 'far']) {
      const space = `${this.#prefix}-${host}`
      // Whoever is stopped in the middle leaves processes there.
      for (const pid of execFileSync('ip', ['netns', 'pids', space], { encoding: 'utf8' }).split('\n'))
        if (pid !== '') end(Number(pid))
      ip('netns', 'del', space)
    }
    fs.rmSync(this.#folder, { recursive: true, force: true })
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It may have ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
