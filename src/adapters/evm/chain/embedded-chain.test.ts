import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../../core/open/bytes.ts'
import { FolderError, MalformedError, UnreachableError } from '../../../core/open/errors.ts'
import { nodeClock } from '../../native/node-clock.ts'
import { RpcRefusal, createJsonRpc } from '../json-rpc.ts'
import { silent } from '../testing/silent-logger.fixture.ts'
import { SENDER, plainTransaction } from '../testing/transactions.fixture.ts'
import { startAnvilEngine } from './anvil-engine.ts'
import type { ChainEngine, StartEngine } from './chain-engine.ts'
import { startChainFront } from './chain-front.ts'
import type { EmbeddedChain } from './embedded-chain.ts'
import { openEmbeddedChain } from './embedded-chain.ts'

const CHAIN = 31_415

describe('the embedded chain', () => {
  let folder: string
  const chains: EmbeddedChain[] = []
  const open = async (over: { startEngine?: StartEngine; snapshotBlocks?: number } = {}) => {
    const chain = await openEmbeddedChain({
      folder,
      chainId: CHAIN,
      clock: nodeClock,
      logger: silent,
      ...over,
    })
    chains.push(chain)
    return chain
  }
  const send = async (chain: EmbeddedChain, nonce: number, over = {}): Promise<unknown> =>
    chain.request('eth_sendRawTransaction', [await plainTransaction(chain.chainId, nonce, over)])
  const hashOf = async (chain: EmbeddedChain): Promise<string> => toHex((await chain.head()).hash)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'allmend-chain-'))
  })
  afterEach(async () => {
    for (const chain of chains.splice(0)) await chain.close()
    await rm(folder, { recursive: true })
  })

  test('what it acknowledged has a receipt; what comes together goes into one block', async () => {
    const chain = await open()
    const hash = await send(chain, 0)
    expect(await chain.request('eth_getTransactionReceipt', [hash])).toMatchObject({
      status: '0x1',
      blockNumber: '0x1',
    })
    await Promise.all([1, 2, 3, 4].map((nonce) => send(chain, nonce)))
    expect((await chain.head()).number).toBeLessThan(5)
    expect(await chain.request('eth_getTransactionCount', [SENDER, 'latest'])).toBe('0x5')
  })

  test('refuses what could not be executed, and makes no block of it', async () => {
    const chain = await open()
    const other = await plainTransaction(CHAIN + 1, 0)
    for (const raw of ['0x', 'zz', '0x1234', 7, other, `0x${'00'.repeat(140_000)}`])
      await expect(chain.request('eth_sendRawTransaction', [raw])).rejects.toThrow(RpcRefusal)
    for (const over of [{ value: 1n }, { price: 1n }, { gas: 40_000_000n }])
      await expect(send(chain, 0, over)).rejects.toThrow(RpcRefusal)
    await expect(send(chain, 1)).rejects.toThrow('nonce too high')
    await send(chain, 0)
    await expect(send(chain, 0)).rejects.toThrow('nonce too low')
    expect((await chain.head()).number).toBe(1)
  })

  test('comes back to the same hash from snapshot, from the journal alone, and goes on', async () => {
    const first = await open({ snapshotBlocks: 3 })
    for (let nonce = 0; nonce < 8; nonce++) await send(first, nonce)
    const hash = await hashOf(first)
    await expect(open()).rejects.toThrow(FolderError)
    await first.close()
    const second = await open()
    expect(await hashOf(second)).toBe(hash)
    await send(second, 8)
    const longer = await hashOf(second)
    await second.close()
    await writeFile(join(folder, 'snapshot'), 'rotten')
    const third = await open()
    expect(await hashOf(third)).toBe(longer)
    expect(third.chainId).toBe(CHAIN)
    await third.close()
    await rm(join(folder, 'snapshot'))
    expect(await hashOf(await open())).toBe(longer)
  })

  test('a corrupt record is refused with its position', async () => {
    const chain = await open()
    for (let nonce = 0; nonce < 4; nonce++) await send(chain, nonce)
    await chain.close()
    const file = join(folder, 'blocks')
    const bytes = await readFile(file)
    bytes[100]! ^= 1
    await writeFile(file, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'malformed', facts: { position: 32, block: 1 } })
  })

  test('a journal that ends before the snapshot is refused', async () => {
    const chain = await open()
    for (let nonce = 0; nonce < 2; nonce++) await send(chain, nonce)
    await chain.close()
    await rm(join(folder, 'blocks'))
    await rm(join(folder, 'blocks.watermark'))
    await expect(open()).rejects.toThrow(MalformedError)
  })

  test('blocks of another engine are not taken for ours', async () => {
    const chain = await open()
    for (let nonce = 0; nonce < 3; nonce++) await send(chain, nonce)
    await chain.close()
    await rm(join(folder, 'snapshot'))
    const startEngine: StartEngine = (settings, dump) =>
      startAnvilEngine({ ...settings, genesisTime: settings.genesisTime - 1 }, dump)
    await expect(open({ startEngine })).rejects.toThrow(MalformedError)
  })

  test('an engine that dies is replaced: before a block, under one, under a read', async () => {
    let engine: ChainEngine | undefined
    let killUnder: string | undefined
    const startEngine: StartEngine = async (settings, dump) => {
      const real = await startAnvilEngine(settings, dump)
      engine = real
      return {
        ...real,
        async mine(time, transactions) {
          const dies = killUnder === 'mine'
          killUnder = undefined
          if (dies) await real.close()
          return real.mine(time, transactions)
        },
        async request(method, params) {
          const dies = killUnder === method
          if (dies) {
            killUnder = undefined
            await real.close()
          }
          return real.request(method, params)
        },
      }
    }
    const chain = await open({ startEngine })
    await send(chain, 0)
    await engine?.close()
    await send(chain, 1)
    killUnder = 'mine'
    await send(chain, 2)
    killUnder = 'eth_blockNumber'
    expect(await chain.request('eth_blockNumber', [])).toBe('0x3')
    const hash = await hashOf(chain)
    await chain.close()
    expect(await hashOf(await open())).toBe(hash)
  })

  test('its address speaks standard JSON-RPC to programs, and to nobody else', async () => {
    const chain = await open()
    const front = await startChainFront({ chain, logger: silent })
    const rpc = createJsonRpc({ url: front.url })
    expect(await rpc.request('eth_chainId', [])).toBe(`0x${CHAIN.toString(16)}`)
    await rpc.request('eth_sendRawTransaction', [await plainTransaction(CHAIN, 0)])
    expect(await rpc.request('eth_blockNumber', [])).toBe('0x1')
    expect(await rpc.request('eth_getBlockByNumber', ['finalized', false])).toMatchObject({ number: '0x1' })
    for (const method of [
      'anvil_dumpState',
      'evm_mine',
      'anvil_setBalance',
      'evm_revert',
      'hardhat_reset',
      'debug_x',
    ])
      await expect(rpc.request(method, [])).rejects.toThrow(/does not exist/)
    const post = (body: unknown, headers: Record<string, string>) =>
      fetch(front.url, { method: 'POST', headers, body: JSON.stringify(body) })
    const call = { jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }
    const json = { 'content-type': 'application/json' }
    expect(await (await post([call, { ...call, id: 2 }], json)).json()).toHaveLength(2)
    expect(
      await (
        await post(
          Array.from({ length: 101 }, () => call),
          json,
        )
      ).json(),
    ).toMatchObject({
      error: { code: -32_600 },
    })
    expect((await post(call, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await fetch(front.url)).status).toBe(405)
    expect((await post('x'.repeat(3_000_000), json)).status).toBe(413)
    await expect(startChainFront({ chain, logger: silent, port: front.port })).rejects.toThrow(
      UnreachableError,
    )
    await front.close()
  })
})
