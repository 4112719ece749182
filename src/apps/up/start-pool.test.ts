/**
 * A pool of real processes, and everything of it killed for real. It is one pool that all of it happens to, one thing after another:
 * each test finds it running as the one before left it.
 */
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli, spawnCli } from '../../../test/fixtures/processes/cli-process.ts'
import { isAlive } from './process-alive.ts'
import type { RunningProcess } from './run-file.ts'
import { hostPortOfAddress } from '../../core/open/peers/peer-address.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-up-'))
const dir = path.join(root, 'pool')
let pool: Up

beforeAll(async () => {
  pool = await up()
}, 120_000)

afterAll(async () => {
  await runCli(['down', '--dir', dir])
  fs.rmSync(root, { recursive: true, force: true })
}, 60_000)

interface Up {
  readonly processes: RunningProcess[]
  /** Everything that came on stdout, to the end. */
  readonly output: Promise<string[]>
}

async function up(...args: string[]): Promise<Up> {
  const child = spawnCli(['up', '--dir', dir, '--providers', '3', '--json', ...args])
  const errors: Buffer[] = []
  child.stderr?.on('data', (bytes: Buffer) => errors.push(bytes))
  const lines: string[] = []
  const reader = readline.createInterface({ input: child.stdout! })
  reader.on('line', (line) => lines.push(line))
  const output = once(reader, 'close').then(() => lines)
  await Promise.race([once(reader, 'line'), output])
  if (lines[0] === undefined) throw new Error(`up did not start: ${Buffer.concat(errors).toString('utf8')}`)
  const { processes } = JSON.parse(lines[0]) as { processes: RunningProcess[] }
  return { processes, output }
}

const as = (member: string, ...args: string[]) =>
  runCli([...args, '--home', path.join(dir, 'members', member)])

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    await delay(50)
  }
}

function byId(processes: readonly RunningProcess[], id: string): RunningProcess {
  return processes.find((one) => one.id === id)!
}

function running(): RunningProcess[] {
  const text = fs.readFileSync(path.join(dir, 'run', 'up.json'), 'utf8')
  return (JSON.parse(text) as { processes: RunningProcess[] }).processes
}

async function putFile(): Promise<void> {
  const file = path.join(root, 'file')
  fs.writeFileSync(file, 'kept')
  expect(await as('alice', 'put', file, '/home/')).toMatchObject({ code: 0 })
}

const readFile = async () => (await as('alice', 'cat', '/home/file')).stdout

describe('a pool on one machine', { timeout: 120_000 }, () => {
  it('tells every process in one line, and has members with homes of their own', async () => {
    const { processes } = pool
    expect(processes.map(({ role, id }) => `${role} ${id}`)).toEqual([
      'up up',
      'chain chain',
      'tracker tracker',
      'provider 1',
      'provider 2',
      'provider 3',
    ])
    expect(processes.every(({ pid }) => isAlive(pid))).toBe(true)
    for (const { address, role } of processes)
      if (role !== 'up')
        expect(address).toMatch(role === 'chain' ? /^127\.0\.0\.1:\d+$/ : /^127\.0\.0\.1:\d+\+[\w-]{43}$/)
    for (const member of ['alice', 'bob'])
      for (const file of ['phrase.txt', 'unlock.key', 'keystore'])
        expect(fs.statSync(path.join(dir, 'members', member, file)).mode & 0o777).toBe(0o600)

    await putFile()
    expect(await readFile()).toBe('kept')
    expect((await as('bob', 'ls', '/home')).stdout).toBe('')
    const status = JSON.parse((await as('alice', 'status', '--json')).stdout) as {
      providers: { id: string; name: string; pid: number; state: string }[]
    }
    expect(status.providers.map(({ id, name, pid, state }) => ({ id, name, pid, state }))).toEqual(
      processes
        .filter(({ role }) => role === 'provider')
        .map(({ id, pid, peer }) => ({ id: peer, name: id, pid, state: 'up' })),
    )

    const second = await runCli(['up', '--dir', dir, '--json'])
    expect(second).toMatchObject({ code: 5, stdout: '' })
  })

  it('starts again with all data and addresses after everything was killed at once', async () => {
    for (const { pid } of pool.processes) process.kill(pid, 'SIGKILL')
    await pool.output
    const after = await up()
    const places = ({ processes }: Up) => processes.map(({ id, address, peer }) => ({ id, address, peer }))
    expect(places(after)).toEqual(places(pool))
    expect(await readFile()).toBe('kept')
    pool = after
  })

  it('leaves no orphans when the supervisor alone is killed, and makes members that are new', async () => {
    const before = pool
    process.kill(byId(before.processes, 'up').pid, 'SIGKILL')
    pool = await up('--members', 'alice,carol')
    expect(await until(() => !before.processes.some(({ pid }) => isAlive(pid)) || undefined)).toBe(true)
    expect(pool.processes).toHaveLength(6)
    expect((await as('carol', 'whoami')).stdout).toMatch(/carol/)
  })

  it('restarts a role that dies at its old address', async () => {
    const old = [byId(pool.processes, '2'), byId(pool.processes, 'tracker')]
    for (const { pid } of old) process.kill(pid, 'SIGKILL')
    for (const { id, pid, address } of old)
      expect(
        await until(() => running().find((one) => one.id === id && one.pid !== pid && isAlive(one.pid))),
      ).toMatchObject({ address })
    expect(await readFile()).toBe('kept')
  })

  it('stops without a trace', async () => {
    const processes = running()
    expect(processes).toHaveLength(6)
    expect(await runCli(['down', '--dir', dir])).toMatchObject({ code: 0 })
    expect(await pool.output).toHaveLength(1)
    expect(processes.some(({ pid }) => isAlive(pid))).toBe(false)
    expect(await runCli(['down', '--dir', dir])).toMatchObject({ code: 0 })
  })

  it('adds providers on the next start, moves the tracker when its port was taken, and tells the others', async () => {
    const { address } = byId(pool.processes, 'tracker')
    const [host, port] = hostPortOfAddress(address)!.split(':')
    const squatter = net.createServer()
    squatter.listen(Number(port), host)
    await once(squatter, 'listening')
    try {
      pool = await up('--members', 'alice', '--providers', '4', '--restart', 'never')
      expect(byId(pool.processes, 'tracker').address).not.toBe(address)
      expect(pool.processes.filter(({ role }) => role === 'provider')).toHaveLength(4)
      expect(await readFile()).toBe('kept')
    } finally {
      squatter.close()
    }
  })

  it('leaves a dead role alone with --restart never', async () => {
    const { pid, peer } = byId(pool.processes, '3')
    process.kill(pid, 'SIGKILL')
    await until(async () => {
      const status = JSON.parse((await as('alice', 'status', '--json')).stdout) as {
        providers: { id: string; state: string }[]
      }
      return status.providers.find((one) => one.id === peer && one.state === 'down')
    })
    expect(await readFile()).toBe('kept')
  })
})
