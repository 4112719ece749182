/** The contract's draw and the TypeScript one are the same function. */
import {
  encodeAbiParameters,
  encodeFunctionData,
  decodeFunctionResult,
  keccak256,
  toHex as viemHex,
} from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodePrimitives } from '../native/node-primitives.ts'
import { toHex } from '../../core/open/bytes.ts'
import type { DrawRequest } from '../../core/open/balancer.ts'
import { drawSlots } from '../../core/open/balancer.ts'
import { NotEnoughProvidersError } from '../../core/open/errors.ts'
import { SLOTS_PER_DOMAIN, WeightTree } from '../../core/open/weight-tree.ts'
import type { ChainEngine } from './chain/chain-engine.ts'
import { startAnvilEngine } from './chain/anvil-engine.ts'
import { abi, deployedBytecode } from './generated/balancer.ts'
import { RpcRefusal } from './json-rpc.ts'

const RUNS = Number(process.env['ALLMEND_DRAW_RUNS'] ?? 10_000)
const SEED = Number(process.env['ALLMEND_DRAW_SEED'] ?? 1)
const CONTRACT = '0x00000000000000000000000000000000000a11e4'
/** Places of the contract's variables (solc's storage layout): three uint32 in the first word, then the mapping of nodes. */
const COUNTS_SLOT = 0n
const NODES_SLOT = 1n

let engine: ChainEngine
beforeAll(async () => {
  engine = await startAnvilEngine({ chainId: 7, genesisTime: 1_700_000_000 })
})
afterAll(() => engine.close())

/** splitmix32: cases follow from the seed alone. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x9e37_79b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 2 ** 32) * below)
  }
}

const WEIGHTS = [
  (next: (below: number) => number) => 1 + next(10),
  (next: (below: number) => number) => 100 + next(50),
  (next: (below: number) => number) => 2 ** next(20),
  (next: (below: number) => number) => next(2) * (1 + next(1_000)),
]

function randomCase(seed: number): { tree: WeightTree; request: DrawRequest } {
  const next = random(seed)
  const tree = new WeightTree()
  const domains = 1 + next([3, 12, 30, 80][next(4)]!)
  tree.setDomains(domains)
  const weigh = WEIGHTS[next(WEIGHTS.length)]!
  const crowd = [1, 2, 12][next(3)]!
  const slots: number[] = []
  for (let domain = 0; domain < domains; domain++)
    for (let place = 0, members = 1 + next(crowd); place < members; place++)
      slots.push(domain * SLOTS_PER_DOMAIN + place)
  for (const slot of slots) tree.set(slot, weigh(next))
  const request = {
    seed: nodePrimitives.sha256(new TextEncoder().encode(`case ${seed}`)),
    count: 1 + next([3, 6, 9, 14, 30][next(5)]!),
    maxPerDomain: 1 + next(4),
    skipped: next(2) === 0 ? [] : slots.filter(() => next(6) === 0).slice(0, 100),
    held: next(2) === 0 ? [] : Array.from({ length: next(6) }, () => next(domains)),
  }
  return { tree, request }
}

function word(values: readonly number[]): string {
  return `0x${values
    .reduceRight((all, value) => all * 2n ** 32n + BigInt(value), 0n)
    .toString(16)
    .padStart(64, '0')}`
}

/** The tree as the contract stores it. */
function storageOf(tree: WeightTree, slots: number): Record<string, string> {
  const storage: Record<string, string> = {
    [viemHex(COUNTS_SLOT, { size: 32 })]: word([tree.domains, tree.rootLevel, tree.drawable]),
  }
  for (let level = 0; level <= tree.rootLevel; level++)
    for (let index = 0; index * 8 ** (level + 1) < slots; index++) {
      const node = tree.node(level, index)
      if (node.every((child) => child === 0)) continue
      const key = (BigInt(level) << 32n) | BigInt(index)
      const place = keccak256(
        encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [key, NODES_SLOT]),
      )
      storage[place] = word(node)
    }
  return storage
}

async function contractDraw(tree: WeightTree, request: DrawRequest): Promise<[number[], number] | undefined> {
  const data = encodeFunctionData({
    abi,
    functionName: 'pick',
    args: [
      `0x${toHex(request.seed)}`,
      BigInt(request.count),
      BigInt(request.maxPerDomain),
      request.skipped,
      request.held,
    ],
  })
  const overrides = {
    [CONTRACT]: { code: deployedBytecode, stateDiff: storageOf(tree, tree.domains * SLOTS_PER_DOMAIN) },
  }
  try {
    const result = await engine.request('eth_call', [{ to: CONTRACT, data }, 'latest', overrides])
    const [slots, perDomain] = decodeFunctionResult({
      abi,
      functionName: 'pick',
      data: result as `0x${string}`,
    })
    return [[...slots], Number(perDomain)]
  } catch (error) {
    // NotEnough(uint256,uint256)
    if (
      error instanceof RpcRefusal &&
      error.data?.startsWith(keccak256(viemHex('NotEnough(uint256,uint256)')).slice(0, 10))
    )
      return undefined
    throw new Error(JSON.stringify({ ...request, seed: toHex(request.seed) }), { cause: error })
  }
}

function twinDraw(tree: WeightTree, request: DrawRequest): [number[], number] | undefined {
  try {
    const { slots, perDomain } = drawSlots(nodePrimitives, tree, request)
    return [[...slots], perDomain]
  } catch (error) {
    if (error instanceof NotEnoughProvidersError) return undefined
    throw error
  }
}

describe('balancer', () => {
  test(`contract and twin agree on ${RUNS} random draws (seed ${SEED})`, { timeout: 600_000 }, async () => {
    let drawn = 0
    let widened = 0
    const one = async (seed: number): Promise<void> => {
      const { tree, request } = randomCase(seed)
      const twin = twinDraw(tree, request)
      expect(await contractDraw(tree, request), `case ${seed}`).toEqual(twin)
      if (twin === undefined) return
      drawn++
      if (twin[1] > request.maxPerDomain) widened++
      expect(new Set(twin[0]).size).toBe(request.count)
    }
    const cases = Array.from({ length: RUNS }, (_, i) => SEED * 1_000_003 + i).values()
    const worker = async (): Promise<void> => {
      for (const seed of cases) await one(seed)
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect(drawn).toBeGreaterThan(RUNS / 2)
    expect(widened).toBeGreaterThan(RUNS / 50)
  })
})
