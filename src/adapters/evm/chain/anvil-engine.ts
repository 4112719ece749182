/** The embedded chain on anvil: see chain-engine.ts for what is promised. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { InternalError, MalformedError } from '../../../core/open/errors.ts'
import { fromHex } from '../../../core/open/bytes.ts'
import type { BlockRef } from '../../../ports/ledger-chain.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { RpcRefusal, createJsonRpc, isObject } from '../json-rpc.ts'
import { startAnvil } from './anvil-process.ts'
import type { ChainEngine, EngineSettings, ExecutedBlock, StartEngine } from './chain-engine.ts'

/** Blocks whose transactions, receipts and logs are kept, in memory and in dumps: bounds both, and the time of a start. */
export const KEPT_BLOCKS = 4_096
/** Blocks whose state can be asked for. */
const KEPT_STATES = 256
export const BLOCK_GAS = 30_000_000
/** Unpacked; a bomb would take all memory. */
const MAX_DUMP_BYTES = 512 * 1024 * 1024

/** A dump of a long chain on a busy machine takes a while; an engine that died is noticed by its end. */
const ENGINE_TIMEOUT_MS = 600_000

const FLAGS = [
  ['--accounts', '0'],
  ['--no-mining'],
  ['--order', 'fifo'],
  // Pinned, because block hashes depend on it.
  ['--hardfork', 'cancun'],
  ['--gas-price', '0'],
  ['--base-fee', '0'],
  ['--gas-limit', String(BLOCK_GAS)],
  ['--prune-history', String(KEPT_STATES)],
  ['--transaction-block-keeper', String(KEPT_BLOCKS)],
  ['--no-cors'],
  ['--no-request-size-limit'],
].flat()

/** Starts anvil. It reads the dump from a folder that is gone once it runs, and writes nothing. */
export const startAnvilEngine: StartEngine = async (settings, dump) => {
  const scratch = await mkdtemp(join(tmpdir(), 'allmend-anvil-'))
  try {
    const args = [
      ...FLAGS,
      '--chain-id',
      String(settings.chainId),
      '--timestamp',
      String(settings.genesisTime),
      // Not in the user's home; with a pruned history nothing is put there.
      '--cache-path',
      join(scratch, 'cache'),
    ]
    if (dump !== undefined) {
      const file = join(scratch, 'state.json')
      await writeFile(file, unpack(dump))
      args.push('--load-state', file)
    }
    const anvil = await startAnvil(args)
    const rpc = createJsonRpc({ url: anvil.url, timeoutMs: ENGINE_TIMEOUT_MS })
    return engineOn(rpc, settings, anvil.ended, () => anvil.stop())
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function unpack(dump: Uint8Array): Buffer {
  try {
    return gunzipSync(dump, { maxOutputLength: MAX_DUMP_BYTES })
  } catch (cause) {
    throw new MalformedError('the dump can’t be unpacked', { bytes: dump.length }, { cause })
  }
}

function engineOn(
  rpc: JsonRpc,
  settings: EngineSettings,
  ended: Promise<void>,
  close: () => Promise<void>,
): ChainEngine {
  const head = async (): Promise<BlockRef> => {
    const block = await rpc.request('eth_getBlockByNumber', ['latest', false])
    const { number, hash } = blockOf(block)
    return { number, hash }
  }
  return {
    ended,
    head,
    close,
    request: (method, params) => rpc.request(method, params),
    async mine(time, transactions): Promise<ExecutedBlock> {
      const sent: string[] = []
      for (const raw of transactions) {
        try {
          sent.push(String(await rpc.request('eth_sendRawTransaction', [raw])))
        } catch (error) {
          // What anvil refuses now it refuses at every replay: the block is made of the others.
          if (!(error instanceof RpcRefusal)) throw error
        }
      }
      await rpc.request('evm_mine', [time])
      const block = blockOf(await rpc.request('eth_getBlockByNumber', ['latest', false]))
      const executed = new Set(block.transactions)
      // Dropping them one by one leaves those whose nonce lies ahead.
      if (sent.some((hash) => !executed.has(hash))) await rpc.request('anvil_dropAllTransactions', [])
      return block
    },
    async dump() {
      const packed = await rpc.request('anvil_dumpState', [])
      const bytes = typeof packed === 'string' ? fromHex(packed.slice(2)) : undefined
      if (bytes === undefined) throw new InternalError('anvil gave no dump', { chainId: settings.chainId })
      return pruned(bytes)
    },
  }
}

/** Leaves out what lies behind the kept blocks. */
function pruned(dump: Uint8Array): Uint8Array {
  const state: unknown = JSON.parse(unpack(dump).toString('utf8'))
  if (!isObject(state)) throw new InternalError('anvil’s dump is no object')
  const { blocks, transactions } = state
  if (!Array.isArray(blocks) || !Array.isArray(transactions))
    throw new InternalError('anvil’s dump has no blocks')
  const last = Number(state['best_block_number'])
  const kept = blocks.filter(
    (block: { header: { number: string } }) => Number(block.header.number) > last - KEPT_BLOCKS,
  )
  if (kept.length === blocks.length) return dump
  const from = `0x${Math.max(0, last - KEPT_BLOCKS).toString(16)}`
  const recent = transactions.filter(
    (transaction: { block_number: number }) => transaction.block_number > Number(from),
  )
  return gzipSync(JSON.stringify({ ...state, blocks: kept, transactions: recent }), { level: 1 })
}

function blockOf(block: unknown): ExecutedBlock {
  if (!isObject(block) || typeof block['hash'] !== 'string' || !Array.isArray(block['transactions']))
    throw new InternalError('anvil gave no block')
  const hash = fromHex(block['hash'].slice(2))
  if (hash?.length !== 32) throw new InternalError('anvil gave a block without a hash')
  return { number: Number(block['number']), hash, transactions: block['transactions'].map(String) }
}
