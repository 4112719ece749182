/** Providers killed with -9 under a pool of real processes: what a person sees, types and gets back. */
import * as fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckResult } from '../../src/client/operations/check.ts'
import type { PutResult } from '../../src/client/operations/put.ts'
import { differences, makeMixedTree, recordTree, strangers } from '../fixtures/mixed-tree.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import { bytesOnDisk, startPut } from '../fixtures/processes/start-put.ts'

const PROVIDERS = ['1', '2', '3', '4', '5', '6']

/** Each test leaves it with all of its providers up. */
let pool: ProcessPool
beforeAll(async () => {
  pool = await ProcessPool.start({ restart: 'never' })
})
afterAll(() => pool.close())

describe('get', () => {
  beforeAll(async () => {
    makeMixedTree(pool.at('tree'), randomFrom(1), { large: 4, small: 30 })
    const { safety } = await pool.json<PutResult>('put', pool.at('tree'), '/home/')
    expect(safety).toEqual({ survives: 2, target: 2, missingShards: 0 })
  })

  test('leaves nothing at its target when it is killed or interrupted, and works after that', async () => {
    const target = pool.at('cut off')
    fs.mkdirSync(target)
    const parts = () =>
      fs.readdirSync(target, { recursive: true }).filter((name) => String(name).endsWith('.part'))
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const left = parts().length
      const { child, finished } = pool.spawn(['get', '/home/tree', target])
      const state = { over: false }
      void finished.then(() => (state.over = true))
      while (!state.over && parts().length === left) await delay(1)
      child.kill(signal)
      const { code, stderr } = await finished
      if (signal === 'SIGINT' && code === 1) expect(parts(), stderr).toHaveLength(left)
      // Under its name a file is whole or not there; what a kill cut off lies beside, as `.part`.
      const seen = strangers(recordTree(pool.at('tree')), recordTree(`${target}/tree`))
      expect(seen.filter((line) => !line.includes('.part: absent became'))).toEqual([])
    }
    expect((await pool.run('get', '/home/tree', target)).code).toBe(0)
    for (const name of parts()) fs.rmSync(`${target}/${name.toString()}`)
    expect(fs.readdirSync(`${target}/tree`).sort()).toEqual(fs.readdirSync(pool.at('tree')).sort())
  })

  test('works without any two providers; without a third it says which files need whom, and leaves nothing', async () => {
    const random = seededRandom()
    const left = [...PROVIDERS]
    const lost = [0, 1, 2].map(() => left.splice(random.below(left.length), 1)[0]!)
    await pool.kill(lost[0]!, lost[1]!)
    expect((await pool.run('get', '/home/tree', pool.at('out'))).code).toBe(0)
    expect(differences(recordTree(pool.at('tree')), recordTree(pool.at('out')))).toEqual([])

    await pool.kill(lost[2]!)
    fs.mkdirSync(pool.at('none'))
    const one = await pool.run('get', '/home/tree/large-0.bin', pool.at('none'), '--wait', '0')
    expect(one.code).toBe(6)
    expect(one.stderr).toMatch(
      /not fetched: \/home\/tree\/large-0\.bin: .*bringing back 1 of these providers/,
    )
    const named = one.stderr.slice(one.stderr.indexOf('enough:')).match(/\d+/g) ?? []
    expect(named.length).toBeGreaterThan(0)
    expect(lost).toEqual(expect.arrayContaining(named))
    expect(fs.readdirSync(pool.at('none'))).toEqual([])
    const stream = await pool.run('cat', '/home/tree/large-0.bin', '--wait', '0')
    expect(stream.code).toBe(6)
    const whole = await pool.run('--json', 'get', '/home/tree', pool.at('partly'), '--wait', '0')
    expect(whole.code).toBe(6)
    const { failed } = JSON.parse(whole.stdout) as { failed: { path: string; error: { code: string } }[] }
    expect(new Set(failed.map(({ error }) => error.code))).toEqual(new Set(['not-enough-shards']))
    const names = failed.map(({ path }) => path.replace('/home/tree', '.'))
    expect(names).toEqual(expect.arrayContaining(['./large-0.bin', './large-3.bin']))
    // Empty files, folders and symlinks need no provider; of the others nothing is left, not even in part.
    const absent = differences(recordTree(pool.at('tree')), recordTree(pool.at('partly')))
    expect(absent.map((line) => line.split(': file ')[0]).sort()).toEqual(names.sort())
    expect(absent.every((line) => line.endsWith('became absent'))).toBe(true)

    const checked = await pool.run('check')
    expect(checked.code).toBe(6)
    expect(checked.stdout).toContain("can't be read now: /home/tree/large-0.bin")
    const { providers, stripes } = await pool.status()
    expect(providers.filter(({ state }) => state === 'down').map(({ name }) => name)).toEqual(lost.sort())
    expect(stripes.lost).toBeGreaterThan(0)

    for (const id of lost) pool.startProvider(id)
    await pool.providersUp(PROVIDERS.length)
    expect((await pool.run('get', '/home/tree', pool.at('back'))).code).toBe(0)
    expect(differences(recordTree(pool.at('tree')), recordTree(pool.at('back')))).toEqual([])
    expect((await pool.run('check', '--read-data')).code).toBe(0)
  })
})

describe('put', () => {
  test('notices a death, says what is missing, and heals when it is run again', async () => {
    const file = pool.at('while dying')
    fs.writeFileSync(file, seededRandom().bytes(70_000_000))
    const { command, reached } = startPut(pool, file, [], ['--wait', '3'])
    await reached(1)
    const [slowest] = [...PROVIDERS].sort((a, b) => bytesOnDisk(pool, a) - bytesOnDisk(pool, b))
    await pool.kill(slowest!)
    const { code, stdout, stderr } = await command.finished
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/Safe against the loss of any one provider, not yet 2: \d+ shards? still missing/)
    expect((await pool.run('cat', '/home/while dying')).bytes.equals(fs.readFileSync(file))).toBe(true)

    pool.startProvider(slowest!)
    await pool.providersUp(PROVIDERS.length)
    expect((await pool.run('put', file, '/home/')).stdout).toMatch(
      /\nSafe against the loss of any 2 providers\.\n/,
    )
    const { problems, atRisk, lost } = await pool.json<CheckResult>('check', '--read-data')
    expect({ problems, atRisk, lost }).toEqual({ problems: [], atRisk: 0, lost: 0 })
  })

  test('takes the scheme for the providers that are up, and none for two', async () => {
    const random = seededRandom()
    const content = new Map<string, Buffer>()
    for (const [up, killed] of [
      [5, '6'],
      [4, '5'],
      [3, '4'],
    ] as const) {
      await pool.kill(killed)
      await pool.providersUp(up)
      const name = `with ${up}`
      fs.writeFileSync(pool.at(name), random.bytes(3_000_000))
      content.set(name, fs.readFileSync(pool.at(name)))
      const { code, stdout, stderr } = await pool.run('put', pool.at(name), '/home/')
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/Safe against the loss of any 2 providers\./)
    }
    await pool.kill('3')
    await pool.providersUp(2)
    fs.writeFileSync(pool.at('with 2'), random.bytes(1_000_000))
    const refused = await pool.run('put', pool.at('with 2'), '/home/', '--wait', '1')
    expect(refused.code).toBe(6)
    expect(refused.stderr).toMatch(/only 2 of 6 providers are up; storing safely needs at least 3/)
    expect((await pool.run('stat', '/home/with 2')).code).toBe(3)
    // Three copies: one of the two that are up is enough.
    expect((await pool.run('cat', '/home/with 3')).bytes.equals(content.get('with 3')!)).toBe(true)

    for (const id of ['3', '4', '5', '6']) pool.startProvider(id)
    await pool.providersUp(PROVIDERS.length)
    expect((await pool.run('put', pool.at('with 2'), '/home/')).code).toBe(0)
    for (const [name, bytes] of content)
      expect((await pool.run('cat', `/home/${name}`)).bytes.equals(bytes), name).toBe(true)
  })
})
