/**
 * A pool whose network fails or lies: members go on putting and getting, `ledger status` says in words what is wrong, and once it is
 * over the newest head is anchored, each head once and in its order.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeClock } from '../../src/adapters/native/node-clock.ts'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { openEvmLedger } from '../../src/adapters/evm/evm-ledger.ts'
import { isObject } from '../../src/adapters/evm/json-rpc.ts'
import type { FaultyRpc } from '../../src/adapters/evm/testing/faulty-rpc.fixture.ts'
import { down, instead } from '../../src/adapters/evm/testing/faulty-rpc.fixture.ts'
import { fromHex } from '../../src/core/open/bytes.ts'
import type { ForeignChain } from '../fixtures/processes/foreign-chain.ts'
import { FUNDED_ADDRESS, chainFlags, startForeignChain } from '../fixtures/processes/foreign-chain.ts'
import type { LedgerStatus } from '../fixtures/processes/ledger-process.ts'
import { OFTEN, anchored, ledgerStatusWhen, putNamed } from '../fixtures/processes/ledger-process.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'

let folder: string
let chain: ForeignChain
let pool: ProcessPool

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-chain-faults-'))
  chain = await startForeignChain()
  pool = await ProcessPool.start({ providers: 3, chain: [...OFTEN, ...chainFlags(chain, folder)] })
})
afterAll(async () => {
  await pool.close()
  await chain.close()
  fs.rmSync(folder, { recursive: true })
})

/** What members do whatever the chain does. */
async function work(name: string): Promise<void> {
  await putNamed(pool, name)
  expect(await pool.run('cat', `/home/${name}`)).toMatchObject({ code: 0, stdout: name })
}

/** Waits until `ledger status` says it, and how much isn't anchored. */
const problemNow = (words: RegExp): Promise<LedgerStatus> =>
  ledgerStatusWhen(pool, ({ problem, lag }) => words.test(problem ?? '') && lag.entries > 0)

/** Every head in the contract, and that the log has all of them. */
async function headsInChain({ contracts }: LedgerStatus): Promise<number[]> {
  const ledger = await openEvmLedger({
    url: chain.url,
    clock: nodeClock,
    primitives: nodePrimitives,
    directory: fromHex(contracts!.directory)!,
  })
  const count = await ledger.headCount()
  const sizes: number[] = []
  for (let index = 0; index < count; index++) sizes.push((await ledger.headAt(index))!.size)
  await ledger.close()
  expect(await pool.json('log', 'verify', '--chain-url', chain.url)).toMatchObject({
    verified: true,
    chainAsked: true,
    anchored: { size: sizes.at(-1) },
  })
  return sizes
}

/** Requests that hang; they end as connections to a node do that is started again. */
const hanging: (() => void)[] = []
const hang: NonNullable<FaultyRpc['fault']> = () =>
  new Promise((_, reject) => hanging.push(() => reject(new Error('started again'))))

/** Answers the hash and a receipt for every transaction, and keeps them all to itself. */
function swallow(): NonNullable<FaultyRpc['fault']> {
  return async (method, [first], pass) => {
    if (method === 'eth_sendRawTransaction') return `0x${'00'.repeat(32)}`
    if (method !== 'eth_getTransactionReceipt') return pass()
    const block = await chain.node.request('eth_getBlockByNumber', ['latest', false])
    if (!isObject(block)) throw new TypeError('no block')
    return {
      transactionHash: first,
      blockNumber: block['number'],
      blockHash: block['hash'],
      gasUsed: '0x5208',
      status: '0x1',
    }
  }
}

const FAULTS: readonly {
  readonly what: string
  readonly fault: () => NonNullable<FaultyRpc['fault']>
  readonly words: RegExp
}[] = [
  { what: 'is down', fault: () => down, words: /node does not answer/ },
  {
    what: 'never answers',
    fault: () => hang,
    words: /node does not answer/,
  },
  { what: 'lies about receipts', fault: swallow, words: /says one thing and shows another/ },
  {
    what: 'says what a write needs too low',
    fault: () => instead({ eth_estimateGas: async () => '0x9000' }),
    words: /transaction failed, and would succeed now/,
  },
  {
    what: 'has another id',
    fault: () => instead({ eth_chainId: async () => '0x1' }),
    words: /the node is of chain 1, the pool’s is 31337/,
  },
  {
    what: 'has lost the contracts',
    fault: () => instead({ eth_call: async () => '0x', eth_getCode: async () => '0x' }),
    words: /contract/,
  },
]

describe('a pool whose chain', () => {
  it.each(FAULTS)('$what goes on, says so, and catches up', async ({ what, fault, words }) => {
    const before = await anchored(pool)
    chain.front.fault = fault()
    try {
      await work(`while it ${what}`)
      await problemNow(words)
      await work(`still ${what}`)
    } finally {
      chain.front.fault = undefined
      for (const end of hanging.splice(0)) end()
    }
    const after = await anchored(pool)
    expect(after.problem).toBeUndefined()
    const heads = await headsInChain(after)
    expect(heads, 'each once, in order').toEqual([...new Set(heads)].sort((a, b) => a - b))
    expect(heads).toContain(before.anchored!.size)
    expect(heads.at(-1)).toBe(after.log.size)
  })

  it('has no funds for gas goes on, says so, and catches up', async () => {
    await anchored(pool)
    await chain.node.request('anvil_setBalance', [FUNDED_ADDRESS, '0x0'])
    await work('poor')
    await problemNow(/no funds/)
    await chain.node.request('anvil_setBalance', [FUNDED_ADDRESS, '0x56bc75e2d63100000'])
    const after = await anchored(pool)
    expect((await headsInChain(after)).at(-1)).toBe(after.log.size)
  })

  it('takes blocks back anchors again what was in them', async () => {
    await anchored(pool)
    const snapshot = await chain.node.request('evm_snapshot', [])
    await work('taken back')
    const before = await anchored(pool)
    await chain.node.request('evm_revert', [snapshot])
    await chain.node.request('anvil_mine', ['0x3', '0x7'])
    await work('afterwards')
    const after = await until(async () => {
      const found = await anchored(pool)
      return found.anchored!.block !== before.anchored!.block ? found : undefined
    })
    expect(after.log.size).toBeGreaterThan(before.log.size)
    const heads = await headsInChain(after)
    expect(heads, 'each once, in order').toEqual([...new Set(heads)].sort((a, b) => a - b))
  })

  it('is another one at the tracker’s next start: it serves all the same, and says so', async () => {
    await anchored(pool)
    await pool.down()
    chain.front.fault = instead({ eth_chainId: async () => '0x2a' })
    await pool.up()
    await work('elsewhere')
    await problemNow(/not the chain of this pool/)
    const [told] = await until(() => (pool.upTold.length > 0 ? pool.upTold : undefined))
    expect(JSON.parse(told!)).toEqual({
      ledger: { problem: expect.stringContaining('not the chain of this pool') },
    })
    expect(pool.upLines).toHaveLength(1)
    expect((await pool.run('ledger', 'status')).stdout).toContain('the pool’s ledger can’t be asked now')
    chain.front.fault = undefined
    expect((await anchored(pool)).problem).toBeUndefined()
    expect(JSON.parse(pool.upTold.at(-1)!)).toEqual({ ledger: { problem: null } })
  })
})
