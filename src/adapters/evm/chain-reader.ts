/** What is read from a node, parsed within limits: nothing it says is taken for granted. */
import type { Hex } from 'viem'
import { fromHex } from '../../core/open/bytes.ts'
import { MalformedError, UntrustedError } from '../../core/open/errors.ts'
import type { BlockRef, ChainKind } from '../../ports/ledger-chain.ts'
import type { JsonRpc } from './json-rpc.ts'
import { RpcRefusal, isObject } from './json-rpc.ts'

export interface TransactionReceipt {
  readonly transaction: Uint8Array
  readonly block: BlockRef
  readonly gas: number
  readonly succeeded: boolean
  /** Of a created contract, 20 bytes. */
  readonly contract: Uint8Array | undefined
}

export interface ChainLog {
  /** The kind first. */
  readonly topics: [Hex, ...Hex[]]
  readonly data: Hex
  readonly block: number
  /** In its block. */
  readonly place: number
}

export interface Call {
  readonly from?: Hex
  readonly to: Hex | undefined
  readonly data: Hex
}

export interface Fees {
  readonly priority: bigint
  readonly most: bigint
}

/** Events of one answer: each change of a weight costs its sender some 30,000 gas. */
const MAX_LOGS = 1_000_000

const FINAL_TAG: Readonly<Record<ChainKind, string>> = {
  embedded: 'latest',
  consortium: 'latest',
  rollup: 'safe',
  public: 'finalized',
}

export class ChainReader {
  readonly #rpc: JsonRpc

  constructor(rpc: JsonRpc) {
    this.#rpc = rpc
  }

  async chainId(): Promise<number> {
    return quantity(await this.#rpc.request('eth_chainId', []))
  }

  /** UntrustedError when the node is of another chain. */
  async checkChain(chainId: number): Promise<void> {
    const found = await this.chainId()
    if (found !== chainId)
      throw new UntrustedError(`the node is of chain ${found}, the pool’s is ${chainId}`, {
        found,
        wanted: chainId,
      })
  }

  async head(): Promise<BlockRef> {
    return present(await this.#block('latest'))
  }

  /** The newest block that this network won't take back. */
  async finalBlock(kind: ChainKind): Promise<BlockRef> {
    return present(await this.#block(FINAL_TAG[kind]))
  }

  async blockAt(number: number): Promise<BlockRef | undefined> {
    return this.#block(hexNumber(number))
  }

  async receipt(transaction: Hex): Promise<TransactionReceipt | undefined> {
    const found = await this.#rpc.request('eth_getTransactionReceipt', [transaction]).catch(nullIfMissing)
    if (found === null) return undefined
    if (!isObject(found)) throw new MalformedError('the node gave no receipt')
    if (String(found['transactionHash']).toLowerCase() !== transaction.toLowerCase())
      throw new UntrustedError('the node gave another transaction’s receipt')
    const contract = found['contractAddress']
    return {
      transaction: bytes(transaction, 32),
      block: { number: quantity(found['blockNumber']), hash: bytes(found['blockHash'], 32) },
      gas: quantity(found['gasUsed']),
      succeeded: quantity(found['status']) === 1,
      contract: typeof contract === 'string' ? bytes(contract, 20) : undefined,
    }
  }

  /** Transactions of this sender in the newest state. */
  async nonceOf(address: Hex): Promise<number> {
    return quantity(await this.#rpc.request('eth_getTransactionCount', [address, 'latest']))
  }

  /** In the newest state, pending ones left out; RpcRefusal with the contract’s error when it would revert. */
  async estimateGas(call: Call): Promise<number> {
    return quantity(await this.#rpc.request('eth_estimateGas', [fieldsOf(call), 'latest']))
  }

  async fees(): Promise<Fees> {
    const block = await this.#rpc.request('eth_getBlockByNumber', ['latest', false])
    const base = isObject(block) && block['baseFeePerGas'] !== undefined ? big(block['baseFeePerGas']) : 0n
    const priority = big(
      (await this.#rpc.request('eth_maxPriorityFeePerGas', []).catch(nullIfMissing)) ?? '0x0',
    )
    // Twice the base fee outlives six full blocks in a row.
    return { priority, most: 2n * base + priority }
  }

  async sendRaw(raw: Hex): Promise<void> {
    await this.#rpc.request('eth_sendRawTransaction', [raw])
  }

  async code(address: Hex): Promise<Uint8Array> {
    return bytes(await this.#rpc.request('eth_getCode', [address, 'latest']))
  }

  /** A contract's events of one kind in these blocks, both included; RpcRefusal where the node doesn't have them. */
  async logs(address: Hex, topic: Hex, from: number, to: number): Promise<ChainLog[]> {
    const found = await this.#rpc.request('eth_getLogs', [
      { address, topics: [topic], fromBlock: hexNumber(from), toBlock: hexNumber(to) },
    ])
    if (!Array.isArray(found) || found.length > MAX_LOGS)
      throw new MalformedError('the node gave no list of events')
    return found.map((log: unknown) => {
      if (!isObject(log) || !Array.isArray(log['topics'])) throw new MalformedError('the node gave no event')
      const topics = log['topics'].map((one: unknown) => hexText(one))
      const [first, ...rest] = topics
      if (first !== topic || hexText(log['address']).toLowerCase() !== address.toLowerCase())
        throw new UntrustedError('the node gave another contract’s event, or of another kind')
      const block = quantity(log['blockNumber'])
      if (block < from || block > to)
        throw new UntrustedError('the node gave an event of another block', { block })
      return { topics: [first, ...rest], data: hexText(log['data']), block, place: quantity(log['logIndex']) }
    })
  }

  /** A view's result; RpcRefusal with the contract's error when it reverts. */
  async call(to: Hex, data: Hex, block?: number): Promise<Hex> {
    const at = block === undefined ? 'latest' : hexNumber(block)
    const result = await this.#rpc.request('eth_call', [{ to, data }, at])
    bytes(result)
    return result as Hex
  }

  async #block(which: string): Promise<BlockRef | undefined> {
    const found = await this.#rpc.request('eth_getBlockByNumber', [which, false]).catch(nullIfMissing)
    if (found === null) return undefined
    if (!isObject(found)) throw new MalformedError('the node gave no block')
    return { number: quantity(found['number']), hash: bytes(found['hash'], 32) }
  }
}

/** Nodes answer null, or no result at all, for what isn't there. */
function nullIfMissing(error: unknown): null {
  if (error instanceof RpcRefusal) return null
  throw error
}

function present(block: BlockRef | undefined): BlockRef {
  if (block === undefined) throw new MalformedError('the node has no such block')
  return block
}

function fieldsOf({ from, to, data }: Call): Record<string, Hex> {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), data }
}

export function hexNumber(value: number): Hex {
  return `0x${value.toString(16)}`
}

function big(value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw new MalformedError('the node gave no number')
  return BigInt(value)
}

function quantity(value: unknown): number {
  const found = big(value)
  if (found > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedError('the node gave a number beyond 2^53')
  return Number(found)
}

function hexText(value: unknown): Hex {
  bytes(value)
  return value as Hex
}

function bytes(value: unknown, length?: number): Uint8Array {
  const found = typeof value === 'string' && value.startsWith('0x') ? fromHex(value.slice(2)) : undefined
  if (found === undefined || (length !== undefined && found.length !== length))
    throw new MalformedError('the node gave no bytes', { wanted: length ?? 0 })
  return found
}
