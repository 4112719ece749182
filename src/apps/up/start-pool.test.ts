/** A pool of real processes, and everything of it killed for real. */
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as os from 'node:os'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli, spawnCli } from '../../../test/fixtures/cli-process.ts'
import { isAlive } from './process-alive.ts'
import type { RunningProcess } from './run-file.ts'
import { hostPortOfAddress } from '../../core/open/peers/peer-address.ts'

let root: string
let dir: string

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-up-'))
  dir = path.join(root, 'pool')
})

afterEach(async () => {
  await runCli(['down', '--dir', dir])
  fs.rmSync(root, { recursive: true, force: true })
})

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
  it('tells every process in one line, has members with homes of their own, and stops without a trace', async () => {
    const { processes, output } = await up()
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

    expect(await runCli(['down', '--dir', dir])).toMatchObject({ code: 0 })
    expect(await output).toHaveLength(1)
    expect(processes.some(({ pid }) => isAlive(pid))).toBe(false)
    expect(await runCli(['down', '--dir', dir])).toMatchObject({ code: 0 })
  })

  it('starts again with all data and addresses after everything was killed at once', async () => {
    const before = await up()
    await putFile()
    for (const { pid } of before.processes) process.kill(pid, 'SIGKILL')
    await before.output
    const after = await up()
    const places = ({ processes }: Up) => processes.map(({ id, address, peer }) => ({ id, address, peer }))
    expect(places(after)).toEqual(places(before))
    expect(await readFile()).toBe('kept')
  })

  it('leaves no orphans when the supervisor alone is killed', async () => {
    const before = await up('--members', 'alice')
    process.kill(byId(before.processes, 'up').pid, 'SIGKILL')
    const after = await up('--members', 'alice,carol')
    expect(await until(() => !before.processes.some(({ pid }) => isAlive(pid)) || undefined)).toBe(true)
    expect(after.processes).toHaveLength(6)
    expect((await as('carol', 'whoami')).stdout).toMatch(/carol/)
  })

  it('restarts a role that dies at its old address, and adds providers on the next start', async () => {
    const { processes } = await up('--members', 'alice')
    await putFile()
    const old = [byId(processes, '2'), byId(processes, 'tracker')]
    for (const { pid } of old) process.kill(pid, 'SIGKILL')
    for (const { id, pid, address } of old)
      expect(
        await until(() => running().find((one) => one.id === id && one.pid !== pid && isAlive(one.pid))),
      ).toMatchObject({ address })
    expect(await readFile()).toBe('kept')
    await runCli(['down', '--dir', dir])
    const again = await up('--members', 'alice', '--providers', '4')
    expect(again.processes.filter(({ role }) => role === 'provider')).toHaveLength(4)
  })

  it('leaves a dead role alone with --restart never', async () => {
    const { processes } = await up('--members', 'alice', '--restart', 'never')
    await putFile()
    const { pid, peer } = byId(processes, '3')
    process.kill(pid, 'SIGKILL')
    await until(async () => {
      const status = JSON.parse((await as('alice', 'status', '--json')).stdout) as {
        providers: { id: string; state: string }[]
      }
      return status.providers.find((one) => one.id === peer && one.state === 'down')
    })
    expect(await readFile()).toBe('kept')
  })

  it('moves the tracker when its port was taken, and tells the others', async () => {
    const { processes } = await up('--members', 'alice')
    await putFile()
    await runCli(['down', '--dir', dir])
    const { address } = byId(processes, 'tracker')
    const [host, port] = hostPortOfAddress(address)!.split(':')
    const squatter = net.createServer()
    squatter.listen(Number(port), host)
    await once(squatter, 'listening')
    try {
      const moved = await up('--members', 'alice')
      expect(byId(moved.processes, 'tracker').address).not.toBe(address)
      expect(await readFile()).toBe('kept')
    } finally {
      squatter.close()
    }
  })
})
