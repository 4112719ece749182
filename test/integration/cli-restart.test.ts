/** A pool as processes: killed whole, killed in its head, started twice, its ports taken, stopped. */
import { once } from 'node:events'
import * as net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlive, waitForExit } from '../../src/apps/up/process-alive.ts'
import type { RunningProcess } from '../../src/apps/up/run-file.ts'
import { differences, makeMixedTree, recordTree } from '../fixtures/mixed-tree.ts'
import { ProcessPool, processesWith } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'
import { hostPortOfAddress } from '../../src/core/open/peers/peer-address.ts'

const PROVIDERS = 4
/** Nothing that ends by itself takes longer, however busy the machine is. */
const END_MS = 60_000

const places = (processes: readonly RunningProcess[]) =>
  processes.map(({ role, id, address, peer }) => ({ role, id, address, peer }))

describe('a pool in its folder', () => {
  let pool: ProcessPool
  beforeAll(async () => {
    pool = await ProcessPool.start({ providers: PROVIDERS })
    makeMixedTree(pool.at('tree'), randomFrom(2), { large: 2, small: 40 })
    expect((await pool.run('put', pool.at('tree'), '/home/')).code).toBe(0)
  })
  afterAll(() => pool.close())

  const sameData = async (name: string): Promise<void> => {
    const { code, stderr } = await pool.run('get', '/home/tree', pool.at(name))
    expect(code, stderr).toBe(0)
    expect(differences(recordTree(pool.at('tree')), recordTree(pool.at(name)))).toEqual([])
  }

  test('is told in one line with every process, and starts as the same pool after kill -9 of everything', async () => {
    const told = (JSON.parse(pool.upLines[0]!) as { processes: RunningProcess[] }).processes
    const roles = ['up', 'tracker', ...Array.from({ length: PROVIDERS }, () => 'provider')]
    expect(told.map(({ role }) => role)).toEqual(roles)
    expect(told.every(({ pid }) => isAlive(pid))).toBe(true)
    const before = await pool.json('whoami')
    await pool.killAll()
    expect((await pool.upEnded()).stdout).toBe(`${pool.upLines.join('\n')}\n`)
    expect(pool.upLines).toHaveLength(1)
    expect(told.some(({ pid }) => isAlive(pid))).toBe(false)

    await pool.up()
    const again = (JSON.parse(pool.upLines[0]!) as { processes: RunningProcess[] }).processes
    expect(places(again)).toEqual(places(told))
    expect(await pool.json('whoami')).toEqual(before)
    await sameData('after everything')
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

  test('ends with its supervisor, and finds other ports when its own are taken', async () => {
    const before = pool.processes()
    await pool.kill('up')
    for (const { pid, id } of before) expect(await waitForExit(pid, END_MS), `${id} is left`).toBe(true)

    const taken = before.filter(({ id }) => ['tracker', '1', '3'].includes(id))
    const squatters = taken.map(({ address }) => {
      const [host, port] = hostPortOfAddress(address)!.split(':')
      return net.createServer().listen(Number(port), host)
    })
    await Promise.all(squatters.map((squatter) => once(squatter, 'listening')))
    try {
      await pool.up()
      await pool.providersUp(PROVIDERS)
      for (const { id, address } of before)
        if (id !== 'up')
          expect(pool.process(id).address === address, id).toBe(!taken.some((one) => one.id === id))
      await sameData('elsewhere')
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
    await pool.up()
    await sameData('after down')
  })
})
