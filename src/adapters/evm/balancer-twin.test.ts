/** The contract's draw and the TypeScript one are the same function. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DrawResult } from '../../core/open/placement/balancer.ts'
import { drawSlots } from '../../core/open/placement/balancer.ts'
import { NotEnoughProvidersError } from '../../core/open/errors.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { startAnvilEngine } from './chain/anvil-engine.ts'
import type { ChainEngine } from './chain/chain-engine.ts'
import { contractDraw } from './testing/contract-draw.fixture.ts'
import type { DrawCase } from './testing/draw-cases.fixture.ts'
import { drawCase, treeOfCase } from './testing/draw-cases.fixture.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)
const SEED = Number(process.env['ALLMEND_DRAW_SEED'] ?? 1)
/** Calls under way at once. */
const WIDTH = 8

let engine: ChainEngine
beforeAll(async () => {
  engine = await startAnvilEngine({ chainId: 7, genesisTime: 1_700_000_000 })
})
afterAll(() => engine.close())

function twinDraw(one: DrawCase): DrawResult | undefined {
  try {
    return drawSlots(nodePrimitives, treeOfCase(one), one.request)
  } catch (error) {
    if (error instanceof NotEnoughProvidersError) return undefined
    throw error
  }
}

test(`contract and twin agree on ${RUNS} random draws (seed ${SEED})`, { timeout: 1_800_000 }, async () => {
  let drawn = 0
  let widened = 0
  const compare = async (seed: number): Promise<void> => {
    const one = drawCase(seed)
    const twin = twinDraw(one)
    expect(await contractDraw(engine, treeOfCase(one), one.request), `case ${seed}`).toEqual(twin)
    if (twin === undefined) return
    drawn++
    if (twin.perDomain > one.request.maxPerDomain) widened++
    expect(new Set(twin.slots).size).toBe(one.request.count)
  }
  const cases = Array.from({ length: RUNS }, (_, i) => SEED * 1_000_003 + i).values()
  const worker = async (): Promise<void> => {
    for (const seed of cases) await compare(seed)
  }
  await Promise.all(Array.from({ length: WIDTH }, worker))
  expect(drawn).toBeGreaterThan(RUNS / 2)
  expect(widened).toBeGreaterThan(RUNS / 50)
})
