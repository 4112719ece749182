/** `up` killed at random moments of its first and later starts, with everything it started: the next one makes a whole pool. */
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Command } from '../fixtures/processes/process-pool.ts'
import { killNow, processesWith, startCommand } from '../fixtures/processes/process-pool.ts'
import { randomFrom } from '../fixtures/seeded-random.ts'

/** Pools; each is killed twice. */
const POOLS = Math.ceil(Number(process.env.ALLMEND_CRASH_ROUNDS ?? 20) / 4)
const SEED = Number(process.env.ALLMEND_SEED ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = 2
const MEMBERS = ['alice', 'bob']

it(`makes a whole pool after kills of ${POOLS} starts (ALLMEND_SEED=${SEED})`, async () => {
  const random = randomFrom(SEED)
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-up-crash-'))
  const file = path.join(root, 'file')
  fs.writeFileSync(file, random.bytes(100_000))
  const start = (dir: string): Command =>
    startCommand(['up', '--json', `--dir=${dir}`, '--providers=3', `--members=${MEMBERS.join()}`])
  const killAll = async (dir: string, up: Command): Promise<void> => {
    // What was just being started is found on another look.
    for (let found = processesWith(dir); found.length > 0; found = processesWith(dir)) await killNow(found)
    await up.finished
  }
  const isWhole = async (dir: string): Promise<void> => {
    await Promise.all(
      MEMBERS.map(async (name) => {
        const env = { ALLMEND_HOME: path.join(dir, 'members', name) }
        const put = await startCommand(['put', file, '/home/'], { env }).finished
        expect(put.code, `${name}: ${put.stderr}`).toBe(0)
        const cat = await startCommand(['cat', '/home/file'], { env }).finished
        expect(cat.bytes.equals(fs.readFileSync(file)), `${name}: ${cat.stderr}`).toBe(true)
      }),
    )
  }

  try {
    // How long a first start takes here and now; later ones tell anew.
    let startMs = 2_000
    for (let number = 0; number < POOLS; number++) {
      const dir = path.join(root, `pool-${number}`)
      const moments: number[] = []
      for (let kill = 0; kill < KILLS; kill++) {
        moments.push(random.below(startMs))
        const up = start(dir)
        await delay(moments.at(-1))
        await killAll(dir, up)
      }
      const begun = performance.now()
      const up = start(dir)
      const told = `pool ${number}, killed ${moments.join(' and ')} ms after its starts`
      const ready = await Promise.race([
        once(up.child.stdout!, 'data').then(() => 'ready'),
        up.finished.then(({ code, stderr }) => `ended with ${code}: ${stderr}`),
      ])
      expect(ready, told).toBe('ready')
      startMs = Math.ceil(performance.now() - begun)
      await isWhole(dir)
      await killAll(dir, up)
      fs.rmSync(dir, { recursive: true })
    }
  } finally {
    await killNow(processesWith(root))
    fs.rmSync(root, { recursive: true })
  }
})
