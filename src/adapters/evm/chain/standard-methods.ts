/**
 * The standard JSON-RPC that the embedded chain answers, and nothing of its engine's own: no method that isn't here reaches it.
 */
import { RpcRefusal, isObject } from '../json-rpc.ts'

const NO_SUCH_METHOD = -32_601
/** As other nodes refuse what they have pruned. */
const NO_HISTORY = 4_444
const ZERO = '0x0'

const READS: ReadonlySet<string> = new Set([
  'eth_blockNumber',
  'eth_call',
  'eth_estimateGas',
  'eth_feeHistory',
  'eth_getBalance',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getBlockReceipts',
  'eth_getBlockTransactionCountByHash',
  'eth_getBlockTransactionCountByNumber',
  'eth_getCode',
  'eth_getLogs',
  'eth_getProof',
  'eth_getStorageAt',
  'eth_getTransactionByBlockHashAndIndex',
  'eth_getTransactionByBlockNumberAndIndex',
  'eth_getTransactionByHash',
  'eth_getTransactionCount',
  'eth_getTransactionReceipt',
])

export type StandardCall =
  | { readonly method: string; readonly params: readonly unknown[] }
  | { readonly answer: unknown }

/** What to ask the engine, or the answer itself; RpcRefusal for any other method. */
export function standardCall(method: string, params: readonly unknown[], chainId: number): StandardCall {
  switch (method) {
    case 'eth_chainId':
      return { answer: `0x${chainId.toString(16)}` }
    case 'net_version':
      return { answer: String(chainId) }
    case 'web3_clientVersion':
      return { answer: 'allmend' }
    case 'eth_gasPrice':
    case 'eth_maxPriorityFeePerGas':
      return { answer: ZERO }
    case 'eth_accounts':
      return { answer: [] }
    case 'eth_syncing':
      return { answer: false }
    default:
      if (!READS.has(method))
        throw new RpcRefusal(NO_SUCH_METHOD, `the method ${method.slice(0, 60)} does not exist`, undefined)
      return { method, params: params.map(plainTag) }
  }
}

/** RpcRefusal for events of blocks up to `gone`, which aren't kept: the engine would say that nothing happened there. */
export function checkLogsKept(params: readonly unknown[], gone: number): void {
  const [filter] = params
  if (gone <= 0 || !isObject(filter) || filter['blockHash'] !== undefined) return
  const { fromBlock = 'latest' } = filter
  const isTag = typeof fromBlock === 'string' && !fromBlock.startsWith('0x') && fromBlock !== 'earliest'
  if (isTag || Number(fromBlock) > gone) return
  throw new RpcRefusal(
    NO_HISTORY,
    `events of blocks up to ${gone} are not kept: the journal has them`,
    undefined,
  )
}

/** A block is final when it is in the journal, which every block is that can be seen. */
function plainTag(param: unknown): unknown {
  return param === 'finalized' || param === 'safe' || param === 'pending' ? 'latest' : param
}
