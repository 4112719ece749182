/** A pool on a network that mines by the clock and calls a block safe later: told apart by its id, deployed to before the tracker starts. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isObject } from '../../src/adapters/evm/json-rpc.ts'
import type { ForeignChain } from '../fixtures/processes/foreign-chain.ts'
import { chainFlags, startForeignChain } from '../fixtures/processes/foreign-chain.ts'
import { OFTEN, anchored, putNamed } from '../fixtures/processes/ledger-process.ts'
import { ProcessPool } from '../fixtures/processes/process-pool.ts'

/** OP mainnet's. */
const ROLLUP_ID = 10

let folder: string
let chain: ForeignChain
let pool: ProcessPool

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-foreign-chain-'))
  chain = await startForeignChain(`--chain-id=${ROLLUP_ID}`, '--block-time=1', '--slots-in-an-epoch=1')
  pool = await ProcessPool.start({ providers: 3 })
})
afterAll(async () => {
  await pool.close()
  await chain.close()
  fs.rmSync(folder, { recursive: true })
})

it('takes a rollup for one, and anchors what it calls safe', async () => {
  await pool.down()
  const deploy = ['ledger', 'deploy', '--dir', pool.at('pool', 'tracker'), ...chainFlags(chain, folder)]
  const { directory } = await pool.json<{ directory: string }>(...deploy)
  expect(await pool.run('--json', ...deploy)).toMatchObject({ code: 5 })
  pool.chain = OFTEN
  await pool.up()
  await putNamed(pool, 'a')
  const found = await anchored(pool)
  expect(found).toMatchObject({ chain: { id: ROLLUP_ID, kind: 'rollup' }, contracts: { directory } })
  expect(pool.processes().some(({ role }) => role === 'chain')).toBe(false)
  const safe = await chain.node.request('eth_getBlockByNumber', ['safe', false])
  expect(isObject(safe) && Number(safe['number'])).toBeGreaterThanOrEqual(found.anchored!.block)
  expect(await pool.json('log', 'verify')).toMatchObject({
    chainAsked: true,
    anchored: { size: found.log.size },
  })
})

it('waits for the next block, and goes on where it was after kill -9 of everything', async () => {
  await pool.killAll()
  await pool.up()
  await putNamed(pool, 'b')
  const found = await anchored(pool)
  expect(found.anchored!.size).toBe(found.log.size)
  expect(found.problem).toBeUndefined()
})
