/** One write to a contract: what it reverts with becomes the typed error. */
import type { Abi, Hex } from 'viem'
import type { Receipt } from '../../ports/ledger-chain.ts'
import type { Contract } from './contract.ts'
import type { Transactor } from './transactor.ts'

export async function writeTo<A extends Abi>(
  transactor: Transactor,
  contract: Contract<A>,
  data: Hex,
  done: () => Promise<boolean>,
): Promise<Receipt> {
  try {
    return await transactor.write({ to: contract.address, data, done })
  } catch (error) {
    throw contract.explain(error)
  }
}
