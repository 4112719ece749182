/**
 * What log, map and cosigning cost a put of many small files: the same put by this clone and by the product as it was before there
 * was a log, each into a new pool of six providers, in turns. The time is the put's own; the CPU seconds are those of every process
 * until all of them are idle again, so that what witnesses do afterwards counts.
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

/** The best of a few runs of one product. */
interface Cost {
  /** Of the put, synced, and of the first listing after it, seconds. */
  readonly put: number
  readonly list: number
  /** CPU seconds of the put's own process, and of all roles until they are idle. */
  readonly cpu: ReadonlyMap<string, number>
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
      const list = await pool.list('/home/tree')
      await idle(pool)
      const cpu = new Map([[CLIENT, put.cpu]])
      for (const [role, seconds] of pool.cpuByRole()) cpu.set(role, seconds - (before.get(role) ?? 0))
      const cost = { put: put.seconds, list: list.seconds, cpu }
      console.log(
        `  ${launcher === undefined ? 'now' : 'before'}: ${seconds(cost.put)}, first ls ${seconds(cost.list)}, ${roles(cost)}`,
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
  const roleNames = [...(costs[0]?.cpu.keys() ?? [])]
  return {
    put: least(({ put }) => put),
    list: least(({ list }) => list),
    cpu: new Map(roleNames.map((role) => [role, least(({ cpu }) => cpu.get(role) ?? 0)])),
  }
}

function rowsOf(before: Cost, now: Cost): Row[] {
  const time = now.put / before.put - 1
  const cpu = sum(now.cpu) / sum(before.cpu) - 1
  return [
    {
      section: SECTION,
      name: 'put, time',
      value: seconds(now.put),
      beside: `without ${seconds(before.put)}`,
      ratio: percent(time),
      ...atMost(time, ALLOWED, percent(ALLOWED)),
    },
    {
      section: SECTION,
      name: 'put, CPU of all processes until idle',
      value: seconds(sum(now.cpu)),
      beside: `without ${seconds(sum(before.cpu))}`,
      ratio: percent(cpu),
      note: `${roles(now)}; without ${roles(before)}`,
    },
    {
      section: SECTION,
      name: 'first listing after it',
      value: seconds(now.list),
      beside: `without ${seconds(before.list)}`,
    },
  ]
}

function sum(cpu: ReadonlyMap<string, number>): number {
  return [...cpu.values()].reduce((total, seconds) => total + seconds, 0)
}

function roles({ cpu }: Cost): string {
  return [...cpu].map(([role, used]) => `${role} ${used.toFixed(1)}`).join(', ')
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`
}
