/** The contract's draw over a given tree: its code and its storage are laid under a call. */
import type { Hex } from 'viem'
import {
  decodeFunctionResult,
  encodeAbiParameters,
  encodeFunctionData,
  keccak256,
  stringToHex,
  toHex as viemHex,
} from 'viem'
import type { DrawRequest } from '../../../core/open/placement/balancer.ts'
import { toHex } from '../../../core/open/bytes.ts'
import { SLOTS_PER_DOMAIN, type WeightTree } from '../../../core/open/placement/weight-tree.ts'
import { abi, deployedBytecode } from '../generated/balancer.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { RpcRefusal } from '../json-rpc.ts'

const CONTRACT = '0x00000000000000000000000000000000000a11e4'
/** Places of the contract's variables (solc's storage layout): three uint32 in the first word, then the mapping of nodes. */
const COUNTS_SLOT = 0n
const NODES_SLOT = 1n
const NOT_ENOUGH = keccak256(stringToHex('NotEnough(uint256,uint256)')).slice(0, 10)

function word(values: readonly number[]): Hex {
  return viemHex(
    values.reduceRight((all, value) => all * 2n ** 32n + BigInt(value), 0n),
    { size: 32 },
  )
}

function storageOf(tree: WeightTree): Record<string, string> {
  const storage: Record<string, string> = {
    [viemHex(COUNTS_SLOT, { size: 32 })]: word([tree.domains, tree.rootLevel, tree.drawable]),
  }
  for (let level = 0; level <= tree.rootLevel; level++)
    for (let index = 0; index * 8 ** (level + 1) < tree.domains * SLOTS_PER_DOMAIN; index++) {
      const node = tree.node(level, index)
      if (node.every((child) => child === 0)) continue
      const key = (BigInt(level) << 32n) | BigInt(index)
      storage[keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256' }], [key, NODES_SLOT]))] =
        word(node)
    }
  return storage
}

/** Slots and what a domain was allowed; undefined when there are too few. */
export async function contractDraw(
  rpc: Pick<JsonRpc, 'request'>,
  tree: WeightTree,
  request: DrawRequest,
): Promise<{ slots: number[]; perDomain: number } | undefined> {
  const { seed, count, maxPerDomain, skipped, held } = request
  const data = encodeFunctionData({
    abi,
    functionName: 'pick',
    args: [`0x${toHex(seed)}`, BigInt(count), BigInt(maxPerDomain), skipped, held],
  })
  const overrides = { [CONTRACT]: { code: deployedBytecode, stateDiff: storageOf(tree) } }
  try {
    const result = await rpc.request('eth_call', [{ to: CONTRACT, data }, 'latest', overrides])
    const [slots, perDomain] = decodeFunctionResult({ abi, functionName: 'pick', data: result as Hex })
    return { slots: [...slots], perDomain: Number(perDomain) }
  } catch (error) {
    if (error instanceof RpcRefusal && error.data?.startsWith(NOT_ENOUGH) === true) return undefined
    throw error
  }
}
