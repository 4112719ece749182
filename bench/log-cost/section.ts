/**
 * What log, map and cosigning cost a put of many small files: the same put by this clone and by the product as it was before there
 * was a log, each into a new pool of six providers, in turns. CPU seconds are those of every process, until the put ends and until
 * all of them are idle again: what witnesses do afterwards is told as well.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeRandomTree } from '../end-to-end/inputs.ts'
import type { Pool } from '../end-to-end/pool.ts'
import { withPool } from '../end-to-end/pool.ts'
import { runDurably } from '../end-to-end/run-command.ts'
import { inWorkspace } from '../end-to-end/workspace.ts'
import type { Row } from '../row.ts'
import { atMost, percent } from '../row.ts'
import { withProductBeforeLog } from './before-log.ts'

const SECTION = 'what the log costs a put of 10,000 files of 4 KiB'
const SMALL = { folders: 100, filesEach: 100, fileBytes: 4096 }
const ALLOWED = 0.15
const DISK = 2 ** 30
/** Idle: less CPU than this, in seconds a second, of all processes together. */
const IDLE = 0.1
const IDLE_POLL_MS = 1_000
const MAX_IDLE_POLLS = 30
const CLIENT = 'client'

type Cpu = ReadonlyMap<string, number>

/** The best of a few runs of one product. */
interface Cost {
  /** Of the put, synced, and of the first listing after it, seconds. */
  readonly put: number
  readonly list: number
  /** CPU seconds by role, the put's own process being the client: until the put ends, and until all are idle. */
  readonly cpu: Cpu
  readonly cpuUntilIdle: Cpu
}

/** Takes about a minute a round. */
export function benchLogCost(rounds: number): Promise<Row[]> {
  return withProductBeforeLog((before) =>
    before === undefined
      ? Promise.resolve([{ section: SECTION, name: 'nothing to compare with: not a whole clone', value: '' }])
      : inWorkspace(2 * rounds * DISK, async (folder) => {
          const tree = join(folder, 'tree')
          await writeRandomTree(tree, SMALL)
          const plain: Cost[] = []
          const logged: Cost[] = []
          for (let round = 0; round < rounds; round++) {
            plain.push(await measure(join(folder, `before-${round}`), tree, before))
            logged.push(await measure(join(folder, `now-${round}`), tree))
          }
          return rowsOf(best(plain), best(logged))
        }),
  )
}

async function measure(folder: string, tree: string, launcher?: string): Promise<Cost> {
  await mkdir(folder)
  return withPool(
    join(folder, 'pool'),
    async (pool) => {
      await idle(pool)
      const before = pool.cpuByRole()
      const put = await runDurably(folder, () => pool.put(tree, '/home/'))
      const since = (): Cpu => {
        const cpu = new Map([[CLIENT, put.cpu]])
        for (const [role, used] of pool.cpuByRole()) cpu.set(role, used - (before.get(role) ?? 0))
        return cpu
      }
      const cpu = since()
      const list = await pool.list('/home/tree')
      await idle(pool)
      const cost = { put: put.seconds, list: list.seconds, cpu, cpuUntilIdle: since() }
      console.log(
        `  ${launcher === undefined ? 'with' : 'without'} a log: ${seconds(cost.put)} (CPU: ${roles(cpu)}), first ls ${seconds(cost.list)}, ` +
          `CPU until idle: ${roles(cost.cpuUntilIdle)}`,
      )
      return cost
    },
    launcher,
  )
}

/** Waits until the pool's processes have nothing more to do. */
async function idle(pool: Pool): Promise<void> {
  let last = sum(pool.cpuByRole())
  for (let poll = 0; poll < MAX_IDLE_POLLS; poll++) {
    await sleep(IDLE_POLL_MS)
    const now = sum(pool.cpuByRole())
    if (now - last < (IDLE * IDLE_POLL_MS) / 1_000) return
    last = now
  }
}

function best(costs: readonly Cost[]): Cost {
  const least = (pick: (cost: Cost) => number): number => Math.min(...costs.map(pick))
  // Of CPU seconds, the run that took least: roles wait for each other.
  const leastCpu = (pick: (cost: Cost) => Cpu): Cpu =>
    costs.map(pick).reduce((a, b) => (sum(b) < sum(a) ? b : a))
  return {
    put: least(({ put }) => put),
    list: least(({ list }) => list),
    cpu: leastCpu(({ cpu }) => cpu),
    cpuUntilIdle: leastCpu(({ cpuUntilIdle }) => cpuUntilIdle),
  }
}

function rowsOf(before: Cost, now: Cost): Row[] {
  const time = now.put / before.put - 1
  const cpuRow = (name: string, pick: (cost: Cost) => Cpu): Row => ({
    section: SECTION,
    name,
    value: seconds(sum(pick(now))),
    beside: `without ${seconds(sum(pick(before)))}`,
    ratio: percent(sum(pick(now)) / sum(pick(before)) - 1),
    note: `${roles(pick(now))}; without ${roles(pick(before))}`,
  })
  return [
    {
      section: SECTION,
      name: 'put, time',
      value: seconds(now.put),
      beside: `without ${seconds(before.put)}`,
      ratio: percent(time),
      ...atMost(time, ALLOWED, percent(ALLOWED)),
    },
    cpuRow('CPU of all processes until the put ends', ({ cpu }) => cpu),
    cpuRow('the same until all are idle, six witnesses included', ({ cpuUntilIdle }) => cpuUntilIdle),
    {
      section: SECTION,
      name: 'first listing after it',
      value: seconds(now.list),
      beside: `without ${seconds(before.list)}`,
    },
  ]
}

function sum(cpu: Cpu): number {
  return [...cpu.values()].reduce((total, seconds) => total + seconds, 0)
}

function roles(cpu: Cpu): string {
  return [...cpu].map(([role, used]) => `${role} ${used.toFixed(1)}`).join(', ')
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`
}
