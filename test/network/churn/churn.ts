/**
 * A pool in which everything happens at once for as long as one likes: members put, get, list and remove over each transport,
 * while providers and members end, are killed, come back, and homes get other addresses. Tracker, two providers and two members live
 * through it, and are measured.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { TransportMode } from '../../../src/apps/node/network/transport-mode.ts'
import { HomePool } from '../home-pool.ts'
import type { HomeLab } from '../home-pool.ts'
import type { Lab } from '../lab.ts'
import type { MemberNews, MemberOptions, MemberOrder } from './member.ts'
import type { Usage } from './usage.ts'
import { isUsageNews, usageOf } from './usage.ts'

const MEMBER = fileURLToPath(new URL('member.ts', import.meta.url))
const REPORT_USAGE = new URL('report-usage.ts', import.meta.url).href
/** What one machine alone offers in place of a lab. */
const LOOPBACK: HomeLab = { on: () => [], publicHost: () => '127.0.0.1', close: () => Promise.resolve() }
const TRANSPORTS: readonly TransportMode[] = ['auto', 'udp', 'tls']
/** Times that each process is measured. */
const SAMPLES = 120
const LEAST_MS_BETWEEN_SAMPLES = 2000
/** Providers' connections to the tracker that begin and end by themselves, as those for reports. */
export const SOCKETS_MAY_DIFFER = 4
/** How long connections that nobody needs may still be there. */
const SETTLE_MS = 90_000
const VERIFY_ROUNDS = 5
/** A log's level that says that a program, not a peer, is at fault. */
const LEVEL_ERROR = 50

export interface ChurnOptions {
  readonly minutes: number
  /** Without one all are on loopback, and no address changes but by a restart. */
  readonly lab?: Lab | undefined
  /** Between two events, ms. */
  readonly eventMs: number
  /** As many times as much as members do by themselves. */
  readonly rate: number
  readonly trackerPort: number
  readonly onSample?: (line: string) => void
}

export interface Sample extends Usage {
  /** Ms since the start. */
  readonly at: number
  /** Files that members have put by then, and bytes of the tracker's database: what it has to grow by. */
  readonly put: number
  readonly database: number
}

export interface ChurnReport {
  readonly did: Readonly<Record<string, number>>
  readonly missed: Readonly<Record<string, number>>
  readonly events: Readonly<Record<string, number>>
  /** What must not happen: wrong bytes, errors that no absence explains, what nobody caught, errors in logs. */
  readonly wrong: readonly string[]
  /** By the name of each process that lived through it. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>
  /** When all was at rest. */
  readonly before: Readonly<Record<string, Usage>>
  readonly after: Readonly<Record<string, Usage>>
}

interface Member {
  readonly name: string
  readonly transports: readonly TransportMode[]
}
const ALICE: Member = { name: 'alice', transports: ['auto'] }
/** Ends its client again and again. */
const BOB: Member = { name: 'bob', transports: ['udp', 'auto', 'tls'] }
/** Is killed. */
const CAROL: Member = { name: 'carol', transports: ['auto'] }
/** Provider to host: two that stay, two that come and go, of each pair one at home. */
const STEADY = { office: 'office', red: 'red' } as const
const VOLATILE = { barn: 'barn', green: 'green' } as const

function add(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, number] of Object.entries(more)) to[name] = (to[name] ?? 0) + number
}

/** Runs it; the pool is gone afterwards. */
export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const run = new Churn(options)
  try {
    return await run.all()
  } finally {
    await run.close()
  }
}

class Churn {
  readonly #o: ChurnOptions
  readonly #members = new Map<string, ChildProcess>()
  readonly #did: Record<string, number> = {}
  readonly #missed: Record<string, number> = {}
  readonly #events: Record<string, number> = {}
  readonly #wrong: string[] = []
  readonly #samples: Record<string, Sample[]> = {}
  readonly #env = { NODE_OPTIONS: `--import=${REPORT_USAGE}` }
  #pool: HomePool | undefined
  #started = 0

  constructor(options: ChurnOptions) {
    this.#o = options
  }

  get #home(): HomePool {
    if (this.#pool === undefined) throw new Error('no pool yet')
    return this.#pool
  }

  async all(): Promise<ChurnReport> {
    await this.#begin()
    const before = await this.#usages(this.#steadyRoles())
    for (const member of [ALICE, BOB, CAROL]) await this.#join(member)
    for (const name of this.#members.keys()) await this.#order(name, 'work')
    await this.#storm()
    await this.#calm()
    const after = await this.#settled(before)
    this.#readLogs()
    return {
      did: this.#did,
      missed: this.#missed,
      events: this.#events,
      wrong: this.#wrong,
      samples: this.#samples,
      before,
      after,
    }
  }

  /** The pool with its members' homes and providers. */
  async #begin(): Promise<void> {
    const { lab, trackerPort } = this.#o
    if (lab !== undefined) {
      for (const host of [STEADY.office, VOLATILE.barn, 'carol']) lab.publicHost(host)
      for (const home of [STEADY.red, VOLATILE.green, 'alice']) lab.home(home, 'cone')
      lab.home('bob', 'symmetric')
    }
    this.#pool = await HomePool.start(lab ?? LOOPBACK, { port: trackerPort, env: this.#env })
    this.#watch('tracker', this.#pool.process('tracker'))
    await this.#pool.join('alice', this.#pool.ready['foundingToken']!)
    const providers = Object.entries({ ...STEADY, ...VOLATILE })
    await Promise.all(
      providers.map(([name, host]) => this.#home.provider(host, name, 'alice', ...this.#listen())),
    )
    for (const [name] of providers) this.#watch(name, this.#home.process(name))
    for (const { name } of [BOB, CAROL]) await this.#invite(name)
  }

  #listen(): string[] {
    return this.#o.lab === undefined ? ['--listen=127.0.0.1:0'] : []
  }

  async #invite(name: string): Promise<void> {
    const [invite] = await this.#home.json('alice', 'member', 'invite')
    const joined = this.#home.join(name, invite!['token']!)
    while (!(await Promise.race([joined.then(() => true), this.#admit()])));
  }

  /** Lets in whoever waits; false, as that is not yet having joined. */
  async #admit(): Promise<boolean> {
    await this.#home.json('alice', 'member', 'admit')
    return false
  }

  async #join({ name, transports }: Member): Promise<void> {
    const options: MemberOptions = {
      home: this.#home.at('homes', name),
      folder: this.#home.at('files', name),
      transports,
      rate: this.#o.rate,
    }
    const [command, ...before] = [...(this.#o.lab ?? LOOPBACK).on(name), process.execPath] as const
    const child = spawn(command, [...before, MEMBER, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] ?? '', ...this.#env },
    })
    this.#members.set(name, child)
    this.#watch(name, child)
    // What is sent before it listens is lost.
    await once(child, 'message')
  }

  /** Hears of what nobody caught, and of an end that nobody asked for. */
  #watch(name: string, child: ChildProcess): void {
    child.on('message', (news) => {
      if (isUsageNews(news) && 'trouble' in news) this.#wrong.push(`${name}: ${news.trouble}`)
    })
    child.once('exit', (code) => {
      if (code !== null && code !== 0) this.#wrong.push(`${name} ended with code ${code}`)
    })
  }

  /** A member's news once it has done what it was told. */
  async #order(name: string, order: MemberOrder['order']): Promise<MemberNews | undefined> {
    const child = this.#members.get(name)!
    const ended = once(child, 'exit').then(() => undefined)
    const told = new Promise<MemberNews>((resolve) => {
      const listen = (news: unknown): void => {
        if (typeof news !== 'object' || news === null || !('did' in news)) return
        child.off('message', listen)
        resolve(news as MemberNews)
      }
      child.on('message', listen)
    })
    if (!child.connected) throw new Error(`${name} has ended`)
    child.send({ order } satisfies MemberOrder)
    if (order === 'work') return undefined
    const news = await Promise.race([told, ended])
    if (news === undefined) {
      this.#wrong.push(`${name} ended by itself`)
      return undefined
    }
    add(this.#did, news.did)
    add(this.#missed, news.missed)
    this.#wrong.push(...news.wrong.map((what) => `${name}: ${what}`))
    return news
  }

  async #storm(): Promise<void> {
    const { minutes, eventMs } = this.#o
    this.#started = performance.now()
    const end = this.#started + minutes * 60_000
    const sampleMs = Math.max(LEAST_MS_BETWEEN_SAMPLES, (minutes * 60_000) / SAMPLES)
    let sampleAt = 0
    const events = this.#kinds()
    for (let i = 0; performance.now() < end; i++) {
      const [name, run] = events[i % events.length]!
      await run()
      add(this.#events, { [name]: 1 })
      if (performance.now() >= sampleAt) {
        sampleAt = performance.now() + sampleMs
        await this.#sample()
      }
      await delay(eventMs)
    }
  }

  #kinds(): (readonly [string, () => Promise<void>])[] {
    const { lab } = this.#o
    const comeBack = async (name: keyof typeof VOLATILE, signal: NodeJS.Signals): Promise<void> => {
      await this.#home.end(signal, name)
      await delay(this.#o.eventMs)
      await this.#home.restart(VOLATILE[name], name, ...this.#listen())
      this.#watch(name, this.#home.process(name))
    }
    const kill = async (): Promise<void> => {
      const child = this.#members.get(CAROL.name)!
      await this.#order(CAROL.name, 'tell')
      child.kill('SIGKILL')
      await once(child, 'exit')
      await this.#join(CAROL)
      await this.#order(CAROL.name, 'work')
    }
    const moves = (lab === undefined ? [] : [STEADY.red, ALICE.name, VOLATILE.green]).map(
      (home) => [`${home} moves`, () => Promise.resolve(void lab?.renumber(home))] as const,
    )
    return [
      ['barn is killed', () => comeBack('barn', 'SIGKILL')],
      ...moves.slice(0, 1),
      ['a command', () => this.#command()],
      ['green ends', () => comeBack('green', 'SIGTERM')],
      ...moves.slice(1, 2),
      ['carol is killed', kill],
      ['green is killed', () => comeBack('green', 'SIGKILL')],
      ['a command', () => this.#command()],
      ...moves.slice(2),
      ['barn ends', () => comeBack('barn', 'SIGTERM')],
    ]
  }

  /** A command as a person runs one, over each transport in turn. */
  async #command(): Promise<void> {
    const transport = TRANSPORTS[(this.#events['a command'] ?? 0) % TRANSPORTS.length]!
    const command = (['ls', 'status', 'peers'] as const)[(this.#events['a command'] ?? 0) % 3]!
    const args = command === 'ls' ? ['ls', '/home'] : [command]
    const { stderr } = await this.#home.spawn('alice', ...args, `--transport=${transport}`).finished
    // A message for people is one thing, a stack another.
    if (/^ {4}at /m.test(stderr)) this.#wrong.push(`${command}: ${stderr}`)
  }

  #steadyRoles(): (readonly [string, ChildProcess])[] {
    return ['tracker', ...Object.keys(STEADY)].map((name) => [name, this.#home.process(name)])
  }

  async #usages(all: readonly (readonly [string, ChildProcess])[]): Promise<Record<string, Usage>> {
    const asked = all.map(async ([name, child]) => [name, await usageOf(child)] as const)
    const found = await Promise.all(asked)
    return Object.fromEntries(found.flatMap(([name, usage]) => (usage === undefined ? [] : [[name, usage]])))
  }

  async #sample(): Promise<void> {
    const members = [ALICE, BOB].map(({ name }) => [name, this.#members.get(name)!] as const)
    for (const [name] of members) await this.#order(name, 'tell')
    const at = performance.now() - this.#started
    const put = this.#did['put'] ?? 0
    const database = fs.statSync(this.#home.at('tracker', 'tracker.db')).size
    const now = await this.#usages([...this.#steadyRoles(), ...members])
    for (const [name, usage] of Object.entries(now))
      (this.#samples[name] ??= []).push({ at, put, database, ...usage })
    const shown = Object.entries(now).map(
      ([name, { rss, native, live, sockets }]) =>
        `${name} ${[rss, native, live].map((bytes) => (bytes / 1e6).toFixed(0)).join('/')} MB ${sockets} sockets`,
    )
    const [minutes, megabytes] = [at / 60_000, database / 1e6].map((value) => value.toFixed(1))
    this.#o.onSample?.(`${minutes} min: ${shown.join(', ')}; ${put} files put, ${megabytes} MB of database`)
  }

  /** Lets members finish, then read everything. */
  async #calm(): Promise<void> {
    const names = [...this.#members.keys()]
    await Promise.all(names.map((name) => this.#order(name, 'rest')))
    for (const name of names)
      for (let round = 1; ; round++) {
        const news = await this.#order(name, 'verify')
        if (Object.keys(news?.missed ?? {}).length === 0) break
        if (round === VERIFY_ROUNDS) {
          this.#wrong.push(`${name} can't read all: ${JSON.stringify(news?.missed)}`)
          break
        }
        await delay(this.#o.eventMs)
      }
    await Promise.all(names.map((name) => this.#order(name, 'rest')))
  }

  /** What the roles take once they have no more sockets than before, or don't get rid of them. */
  async #settled(before: Readonly<Record<string, Usage>>): Promise<Record<string, Usage>> {
    const end = performance.now() + SETTLE_MS
    for (;;) {
      const now = await this.#usages([...this.#steadyRoles(), ...this.#members])
      const isCalm = Object.entries(before).every(
        ([name, { sockets }]) => now[name]!.sockets <= sockets + SOCKETS_MAY_DIFFER,
      )
      if (isCalm || performance.now() > end) return now
      await delay(1000)
    }
  }

  #readLogs(): void {
    for (const file of fs.readdirSync(this.#home.at('logs')))
      for (const line of fs.readFileSync(this.#home.at('logs', file), 'utf8').split('\n')) {
        const level = /"level":(\d+)/.exec(line)?.[1]
        if (Number(level) >= LEVEL_ERROR) this.#wrong.push(`${file}: ${line}`)
      }
    this.#wrong.push(...this.#home.complaints)
  }

  async close(): Promise<void> {
    for (const child of this.#members.values()) child.kill('SIGKILL')
    if (this.#pool === undefined) await this.#o.lab?.close()
    else await this.#pool.close()
  }
}
