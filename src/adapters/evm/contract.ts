/** One contract at an address: typed views, and writes as data. */
import type { Abi, ContractFunctionArgs, ContractFunctionName, ContractFunctionReturnType, Hex } from 'viem'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import { MalformedError, NotFoundError } from '../../core/open/errors.ts'
import type { ChainReader } from './chain-reader.ts'
import { isMissingState, meaningOf } from './contract-faults.ts'

type Views<A extends Abi> = ContractFunctionName<A, 'view' | 'pure'>
type Writes<A extends Abi> = ContractFunctionName<A, 'nonpayable'>

export class Contract<const A extends Abi> {
  readonly address: Hex
  readonly #abi: A
  readonly #reader: ChainReader

  constructor(reader: ChainReader, address: Hex, abi: A) {
    this.#reader = reader
    this.address = address
    this.#abi = abi
  }

  /** The typed error where it reverts, MalformedError when the answer is of another type, NotFoundError for a forgotten block. */
  async view<N extends Views<A>>(
    functionName: N,
    args: ContractFunctionArgs<A, 'view' | 'pure', N>,
    block?: number,
  ): Promise<ContractFunctionReturnType<A, 'view' | 'pure', N>> {
    const parameters = {
      abi: this.#abi as Abi,
      functionName: functionName as string,
      args: args as readonly unknown[],
    }
    let data: Hex
    try {
      data = await this.#reader.call(this.address, encodeFunctionData(parameters), block)
    } catch (error) {
      if (block !== undefined && isMissingState(error))
        throw new NotFoundError(
          `the node has no state of block ${block} any more`,
          { block },
          { cause: error },
        )
      throw this.explain(error)
    }
    try {
      return decodeFunctionResult({ ...parameters, data }) as ContractFunctionReturnType<
        A,
        'view' | 'pure',
        N
      >
    } catch (cause) {
      throw new MalformedError('what lies at the contract’s address answers in another way', {}, { cause })
    }
  }

  data<N extends Writes<A>>(functionName: N, args: ContractFunctionArgs<A, 'nonpayable', N>): Hex {
    return encodeFunctionData({
      abi: this.#abi as Abi,
      functionName: functionName as string,
      args: args as readonly unknown[],
    })
  }

  explain(error: unknown): unknown {
    return meaningOf(error, this.#abi)
  }
}
