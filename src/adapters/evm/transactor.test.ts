/** Writes against a node that fails, lies and takes blocks back. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Hex } from 'viem'
import { keccak256, parseTransaction } from 'viem'
import { CapacityError, ConflictError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { ChainKind } from '../../ports/ledger-chain.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { startAnvilEngine } from './chain/anvil-engine.ts'
import type { ChainEngine } from './chain/chain-engine.ts'
import type { EvmLedger } from './evm-ledger.ts'
import { deployLedger, openEvmLedger } from './evm-ledger.ts'
import { RpcRefusal, isObject } from './json-rpc.ts'
import { FaultyRpc, deaf, down, instead } from './testing/faulty-rpc.fixture.ts'
import { hexOf } from './typed-data.ts'
import { StepClock } from './testing/step-clock.fixture.ts'

const KEY = new Uint8Array(32).fill(1)
const CHAIN = 4_321
const root = (i: number): Uint8Array => new Uint8Array(32).fill(i)

let engine: ChainEngine
let rpc: FaultyRpc
let ledger: EvmLedger
let clock: StepClock

/** Anvil as a public network: a block passes whenever somebody asks for a receipt, and is final four blocks later. */
async function open(kind: ChainKind, patienceMs: number): Promise<void> {
  clock = new StepClock(true)
  engine = await startAnvilEngine({ chainId: CHAIN, genesisTime: 1_700_000_000 })
  let time = 1_700_000_000
  const node = {
    async request(method: string, params: readonly unknown[]) {
      if (method === 'eth_getTransactionReceipt') await engine.request('evm_mine', [++time])
      if (method === 'eth_getBlockByNumber' && params[0] === 'finalized') {
        const { number } = await engine.head()
        return engine.request(method, [`0x${Math.max(0, number - 4).toString(16)}`, false])
      }
      // Accounts have nothing here.
      if (method === 'eth_maxPriorityFeePerGas') return '0x0'
      return engine.request(method, params)
    },
  }
  rpc = new FaultyRpc(node)
  const network = { url: '', rpc, clock, patienceMs, primitives: nodePrimitives }
  const directory = await deployLedger({ ...network, kind: 'consortium', key: KEY, pool: root(9) })
  ledger = await openEvmLedger({ ...network, kind, directory, key: KEY })
}

beforeEach(() => open('public', 400_000))
afterEach(() => engine.close())

describe('a write', () => {
  test('is final before it resolves', async () => {
    const { block } = await ledger.anchor(1, root(1))
    expect((await engine.head()).number).toBeGreaterThanOrEqual(block.number + 4)
    expect(ledger.binding.chainId).toBe(CHAIN)
  })

  test('many at once keep their order of nonces', async () => {
    await Promise.all([1, 2, 3, 4, 5].map((i) => ledger.raiseEpochs([{ space: root(i), epoch: i }])))
    for (const i of [1, 2, 3, 4, 5]) expect(await ledger.epochOf(root(i))).toBe(i)
  })

  test('node down: the outcome is unknown, and repeating it does it once', async () => {
    rpc.fault = down
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UnreachableError)
    rpc.fault = undefined
    await ledger.anchor(1, root(1))
    expect(await ledger.headCount()).toBe(1)
  })

  test('node goes down while it waits, and comes back', async () => {
    let silent = 0
    rpc.fault = async (method, _, pass) => {
      if (method === 'eth_getTransactionReceipt' && silent++ < 20)
        throw new UnreachableError('the chain’s node does not answer')
      return pass()
    }
    await ledger.anchor(1, root(1))
    expect(silent).toBeGreaterThan(20)
    expect(await ledger.headCount()).toBe(1)
  })

  test('the answer to the sending is lost: found again, sent once', async () => {
    rpc.fault = deaf(['eth_sendRawTransaction'])
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UnreachableError)
    rpc.fault = undefined
    await ledger.anchor(1, root(1))
    expect((await ledger.anchor(1, root(1))).transaction).toBeUndefined()
    expect(await ledger.headCount()).toBe(1)
    // The deployment's and this one.
    const from = hexOf(ledger.binding.anchor)
    expect(await engine.request('eth_getTransactionCount', [from, 'latest'])).toBe('0x2')
  })

  test('a receipt without effect is not believed', async () => {
    let raw: Hex = '0x'
    for (let i = 1; i < 10; i++) await engine.request('evm_mine', [1_700_001_000 + i])
    rpc.fault = instead({
      eth_sendRawTransaction: ([sent]) => {
        raw = sent as Hex
        return keccak256(raw)
      },
      eth_getTransactionReceipt: async () => {
        const block = await engine.request('eth_getBlockByNumber', ['0x1', false])
        return {
          transactionHash: keccak256(raw),
          blockNumber: '0x1',
          blockHash: isObject(block) ? block['hash'] : undefined,
          gasUsed: '0x5208',
          status: '0x1',
        }
      },
    })
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UntrustedError)
    rpc.fault = undefined
    expect(await ledger.headCount()).toBe(0)
  })

  test('a receipt in a block that isn’t on the chain is not believed', async () => {
    rpc.fault = async (method, _, pass) => {
      const answer = await pass()
      return method === 'eth_getTransactionReceipt' && isObject(answer)
        ? { ...answer, blockHash: `0x${'ab'.repeat(32)}` }
        : answer
    }
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UntrustedError)
  })

  test('a reorganisation takes its block back: it is sent again and comes into another', async () => {
    const snapshot = await engine.request('evm_snapshot', [])
    let seen = 0
    rpc.fault = async (method, _, pass) => {
      const answer = await pass()
      if (method === 'eth_getTransactionReceipt' && answer !== null && ++seen === 2) {
        await engine.request('evm_revert', [snapshot])
        return null
      }
      return answer
    }
    await ledger.anchor(1, root(1))
    expect(seen).toBeGreaterThan(2)
    expect(await ledger.headCount()).toBe(1)
    expect((await ledger.latestHead())?.root).toEqual(root(1))
  })

  test('too little gas: it fails on the chain, is told so, and can be repeated', async () => {
    let estimates = 0
    rpc.fault = async (method, _, pass) => {
      const answer = await pass()
      return method === 'eth_estimateGas' && ++estimates === 1 ? '0x7530' : answer
    }
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UnreachableError)
    await ledger.anchor(1, root(1))
    expect(await ledger.headCount()).toBe(1)
  })

  test('no funds', async () => {
    rpc.fault = instead({
      eth_sendRawTransaction: () => {
        throw new RpcRefusal(-32_003, 'Insufficient funds for gas * price + value', undefined)
      },
    })
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(CapacityError)
  })

  test('the node is of another chain now: nothing is signed', async () => {
    rpc.calls.length = 0
    rpc.fault = instead({ eth_chainId: () => '0x1' })
    await expect(ledger.anchor(1, root(1))).rejects.toThrow(UntrustedError)
    await expect(ledger.status()).rejects.toThrow(UntrustedError)
    expect(rpc.calls.filter((method) => method === 'eth_sendRawTransaction')).toEqual([])
  })

  test('what is stuck is replaced under the same nonce', async () => {
    const sent: Hex[] = []
    rpc.fault = async (method, params, pass) => {
      if (method === 'eth_maxPriorityFeePerGas' && sent.length > 0) return '0x0'
      if (method !== 'eth_sendRawTransaction') return pass()
      sent.push(params[0] as Hex)
      return sent.length < 3 ? keccak256(params[0] as Hex) : pass()
    }
    await ledger.anchor(1, root(1))
    expect(sent.length).toBeGreaterThanOrEqual(3)
    expect(new Set(sent.map((raw) => parseTransaction(raw).nonce)).size).toBe(1)
    expect(await ledger.headCount()).toBe(1)
  })

  test('somebody else’s head came first', async () => {
    const other = await openEvmLedger({
      url: '',
      rpc,
      clock,
      kind: 'consortium',
      patienceMs: 400_000,
      primitives: nodePrimitives,
      directory: ledger.binding.directory,
      key: KEY,
    })
    await other.anchor(5, root(5))
    await expect(ledger.anchor(5, root(6))).rejects.toThrow(ConflictError)
    await expect(ledger.anchor(4, root(4))).rejects.toThrow(ConflictError)
    await ledger.anchor(6, root(6))
  })
})
