/** Providers that are gone: everything is read exactly, or told what would bring it back; nothing half-written is left. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get } from '../../src/client/operations/get.ts'
import { put } from '../../src/client/operations/put.ts'
import { NotEnoughShardsError } from '../../src/core/open/errors.ts'
import { treeOf } from '../fixtures/local-tree.ts'
import { randomFrom, seededRandom } from '../fixtures/seeded-random.ts'
import type { TestPool } from '../fixtures/test-pool.ts'
import { startTestPool } from '../fixtures/test-pool.ts'

/** Writes a tree with one file of many stripes and some small ones, and puts it as /home/<name>. */
async function putTree(pool: TestPool, name: string, megabytes: number): Promise<string> {
  const folder = path.join(await pool.scratch('in'), name)
  const random = randomFrom(megabytes)
  fs.mkdirSync(path.join(folder, 'sub'), { recursive: true })
  fs.writeFileSync(path.join(folder, 'large'), random.bytes(megabytes * 1_000_000))
  fs.writeFileSync(path.join(folder, 'sub', 'small'), random.bytes(100))
  fs.writeFileSync(path.join(folder, 'empty'), '')
  const { problems, safety } = await put(pool.alice, { sources: [folder], target: '/home/' })
  expect(problems).toEqual([])
  expect(safety.missingShards).toBe(0)
  return folder
}

/** Gets /home/<name> with a fresh client. */
async function getTree(pool: TestPool, name: string, into: string) {
  const client = await pool.client()
  const target = path.join(await pool.scratch(into), name)
  return { result: await get(client, { sources: [`/home/${name}`], target, waitMs: 0 }), target }
}

describe.each([
  { providers: 6, k: 4, megabytes: 60 },
  { providers: 4, k: 2, megabytes: 10 },
  { providers: 3, k: 1, megabytes: 5 },
])('with $providers providers', ({ providers, k, megabytes }) => {
  let pool: TestPool
  let source: string
  beforeAll(async () => {
    pool = await startTestPool({ providers })
    source = await putTree(pool, 'tree', megabytes)
  })
  afterAll(() => pool.close())

  test('any n-k may be gone; with one more, the files that need it are told and nothing is left of them', async () => {
    const random = seededRandom()
    const order = Array.from({ length: providers }, (_, place) => place)
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.below(i + 1)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    const lost = order.slice(0, providers - k)
    await pool.stop(...lost)
    const { result, target } = await getTree(pool, 'tree', 'most')
    expect(result.failed).toEqual([])
    expect(treeOf(target)).toEqual(treeOf(source))

    const straw = order[providers - k]!
    await pool.stop(straw)
    const broken = await getTree(pool, 'tree', 'too-few')
    const names = [...lost, straw].map((place) => `p${place + 1}`).sort()
    // The last stripe may be narrower than the others, and not be on the provider that left last.
    const failed = broken.result.failed.map(({ path }) => path.replace('/home/tree', '.'))
    expect(failed).toContain('./large')
    for (const { error } of broken.result.failed) {
      expect(error).toBeInstanceOf(NotEnoughShardsError)
      const told = String(error.facts['providers']).split(', ')
      expect(names).toEqual(expect.arrayContaining(told))
      expect(error.message).toContain(told[0])
    }
    const whole = Object.entries(treeOf(source)).filter(([name]) => !failed.includes(name))
    expect(treeOf(broken.target)).toEqual(Object.fromEntries(whole))

    await pool.start([straw])
    const again = await getTree(pool, 'tree', 'back')
    expect(again.result.failed).toEqual([])
    expect(treeOf(again.target)).toEqual(treeOf(source))
    await pool.start(lost)
  })
})

test('a file that is there already stays as it was when its new bytes cannot be had', async () => {
  const pool = await startTestPool({ providers: 3 })
  try {
    const source = await putTree(pool, 'tree', 1)
    const { target } = await getTree(pool, 'tree', 'out')
    expect(treeOf(target)).toEqual(treeOf(source))
    fs.writeFileSync(path.join(target, 'large'), 'mine')
    await pool.stop(0, 1, 2)
    const { failed } = await get(await pool.client(), {
      sources: ['/home/tree'],
      target: path.dirname(target),
      waitMs: 0,
    })
    expect(failed).toHaveLength(2)
    expect(fs.readFileSync(path.join(target, 'large'), 'utf8')).toBe('mine')
    expect(fs.readdirSync(target).sort()).toEqual(['empty', 'large', 'sub'])

    // Who waits has it when they are back.
    const awaited: string[] = []
    let back: Promise<void> | undefined
    const late = await get(await pool.client(), {
      sources: ['/home/tree'],
      target: await pool.scratch('late'),
      onWaiting({ providers }) {
        awaited.push(...providers)
        back ??= pool.start([0, 1, 2])
      },
    })
    await back
    expect(late.failed).toEqual([])
    expect(new Set(awaited)).toEqual(new Set(['p1', 'p2', 'p3']))
  } finally {
    await pool.close()
  }
})
