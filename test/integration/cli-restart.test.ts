/**
 * A pool as processes: started twice, killed whole, killed in its head and in its limbs, its ports taken, stopped. It is one pool that
 * all of it happens to, one thing after another: each test finds it running as the one before left it.
 */
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlive, waitForExit } from '../../src/apps/up/process-alive.ts'
import type { RunningProcess } from '../../src/apps/up/run-file.ts'
import { differences, makeMixedTree, recordTree } from '../fixtures/mixed-tree.ts'
import { ProcessPool, processesWith } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { errnoOf } from '../../src/adapters/disk/disk-error.ts'
import { hostPortOfAddress } from '../../src/core/open/peers/peer-address.ts'

const PROVIDERS = 4
/** Nothing that ends by itself takes longer, however busy the machine is. */
const END_MS = 60_000

const places = (processes: readonly RunningProcess[]) =>
  processes.map(({ role, id, address, peer }) => ({ role, id, address, peer }))

/** Takes the port of an address; where somebody else of this machine has it already, it is taken too. */
async function squat(address: string): Promise<net.Server> {
  const [host, port] = hostPortOfAddress(address)!.split(':')
  const squatter = net.createServer().listen(Number(port), host)
  try {
    await once(squatter, 'listening')
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') throw error
  }
  return squatter
}

describe('a pool in its folder', () => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: PROVIDERS, members: 'alice,bob', chain: [] })
    makeMixedTree(pool.at('tree'), randomFrom(2), { large: 2, small: 40 })
    expect((await pool.run('put', pool.at('tree'), '/home/')).code).toBe(0)
  })
  afterAll(() => pool.close())

  /** What `up` told last. */
  const told = () => (JSON.parse(pool.upLines[0]!) as { processes: RunningProcess[] }).processes

  /** Without what alice has heard of the ledger by then. */
  const whoami = async () => ({ ...(await pool.json<object>('whoami')), ledger: undefined })

  const sameData = async (name: string): Promise<void> => {
    const { code, stderr } = await pool.run('get', '/home/tree', pool.at(name))
    expect(code, stderr).toBe(0)
    expect(differences(recordTree(pool.at('tree')), recordTree(pool.at(name)))).toEqual([])
  }

  test('is told in one line with every process, and has members with homes of their own', async () => {
    const processes = told()
    const providers = Array.from({ length: PROVIDERS }, (_, i) => `provider ${i + 1}`)
    expect(processes.map(({ role, id }) => `${role} ${id}`)).toEqual([
      'up up',
      'chain chain',
      'tracker tracker',
      ...providers,
    ])
    expect(processes.every(({ pid }) => isAlive(pid))).toBe(true)
    for (const { address, role } of processes)
      if (role !== 'up')
        // UDP has another port than TCP where somebody else had that one.
        expect(address).toMatch(
          role === 'chain' ? /^127\.0\.0\.1:\d+$/ : /^127\.0\.0\.1:\d+\+[\w-]{43}(@127\.0\.0\.1:\d+)?$/,
        )
    for (const member of ['alice', 'bob'])
      for (const file of ['phrase.txt', 'unlock.key', 'keystore'])
        expect(fs.statSync(path.join(pool.home(member), file)).mode & 0o777).toBe(0o600)
    expect((await pool.as('bob', 'ls', '/home')).stdout).toBe('')
    const status = await pool.status()
    expect(status.providers.map(({ id, name, pid, state }) => ({ id, name, pid, state }))).toEqual(
      processes
        .filter(({ role }) => role === 'provider')
        .map(({ id, pid, peer }) => ({ id: peer, name: id, pid, state: 'up' })),
    )
  })

  test('is not started twice', async () => {
    const before = pool.processes()
    for (const flags of [[], ['--json']]) {
      const second = await pool.run('up', '--dir', pool.dir, ...flags)
      expect(second).toMatchObject({ code: 5, stdout: '' })
      expect(second.stderr).toContain('runs')
    }
    expect(pool.processes()).toEqual(before)
    expect(before.every(({ pid }) => isAlive(pid))).toBe(true)
  })

  test('starts as the same pool after kill -9 of everything', async () => {
    const before = told()
    const me = await whoami()
    await pool.killAll()
    expect((await pool.upEnded()).stdout).toBe(`${pool.upLines.join('\n')}\n`)
    expect(pool.upLines).toHaveLength(1)
    expect(before.some(({ pid }) => isAlive(pid))).toBe(false)

    await pool.up()
    expect(places(told())).toEqual(places(before))
    expect(await whoami()).toEqual(me)
    await sameData('after everything')
  })

  test('starts a role again that died, at its old address', async () => {
    const old = [pool.process(2), pool.process('tracker')]
    await pool.kill(...old.map(({ id }) => id))
    for (const before of old) expect(await pool.restarted(before)).toMatchObject({ address: before.address })
    await sameData('after two roles')
  })

  test('ends with its supervisor, finds other ports when its own are taken, and makes members that are new', async () => {
    const before = pool.processes()
    await pool.kill('up')
    for (const { pid, id } of before) expect(await waitForExit(pid, END_MS), `${id} is left`).toBe(true)

    const taken = before.filter(({ id }) => ['tracker', '1', '3'].includes(id))
    const squatters = await Promise.all(taken.map(({ address }) => squat(address)))
    try {
      await pool.up('--members=alice,bob,carol')
      await pool.providersUp(PROVIDERS)
      for (const { id, address } of before)
        if (id !== 'up')
          expect(pool.process(id).address === address, id).toBe(!taken.some((one) => one.id === id))
      await sameData('elsewhere')
      expect((await pool.as('carol', 'whoami')).stdout).toMatch(/carol/)
    } finally {
      for (const squatter of squatters) squatter.close()
    }
  })

  test('stops with down, and leaves nothing running', async () => {
    const before = pool.processes()
    expect(await pool.down()).toMatchObject({ code: 0 })
    const ended = await pool.upEnded()
    expect(ended.code).toBe(0)
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(before.filter(({ pid }) => isAlive(pid))).toEqual([])
    expect(processesWith(pool.dir)).toEqual([])
    expect((await pool.run('down', '--dir', pool.dir)).stdout).toMatch(/^Nothing runs/)
  })

  test('gets another provider at its next start, and leaves a dead role alone with --restart never', async () => {
    await pool.up(`--providers=${PROVIDERS + 1}`, '--restart=never')
    expect(told().filter(({ role }) => role === 'provider')).toHaveLength(PROVIDERS + 1)
    const { peer } = pool.process(3)
    await pool.kill(3)
    await pool.statusUntil(({ providers }) =>
      providers.find(({ id, state }) => id === peer && state === 'down'),
    )
    await sameData('after down')
    expect(pool.processes().some(({ id, pid }) => id === '3' && isAlive(pid))).toBe(false)
  })
})
