/**
 * Orders transactions into blocks, one block at a time. Invariants: a block is durable in the journal before it is executed, and
 * executed before anybody hears of it; a transaction's nonce fits when its block is made.
 */
import { AllmendError, BusyError, InternalError } from '../../../core/open/errors.ts'
import { fromHex } from '../../../core/open/bytes.ts'
import { RpcRefusal } from '../json-rpc.ts'
import type { AdmittedTransaction } from './admit-transaction.ts'
import { REFUSED } from './admit-transaction.ts'
import { MAX_TRANSACTIONS } from './block-record.ts'
import type { ExecutedBlock } from './chain-engine.ts'

/** Waiting beyond it, others are told to come again. */
const MAX_WAITING = 10_000

interface Waiting {
  readonly transaction: AdmittedTransaction
  readonly resolve: (hash: string) => void
  readonly reject: (error: unknown) => void
}

export interface BlockMaker {
  readonly blockGas: number
  /** The sender's next nonce in the newest state. */
  nonceOf(sender: string): Promise<number>
  /** Writes, executes. */
  makeBlock(transactions: readonly Uint8Array[]): Promise<ExecutedBlock>
}

export class Sequencer {
  readonly #maker: BlockMaker
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #closed = false

  constructor(maker: BlockMaker) {
    this.#maker = maker
  }

  /** Resolves with the hash once the transaction is in a block; RpcRefusal when it can't be. */
  async submit(transaction: AdmittedTransaction): Promise<string> {
    if (this.#closed) throw new BusyError('the chain is stopping')
    if (this.#waiting.length >= MAX_WAITING)
      throw new BusyError('too many transactions are waiting', { waiting: this.#waiting.length })
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transaction, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Lets what waits go into blocks, and takes no more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    // A turn later, so that what comes in together goes into one block.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      let batch: Waiting[] = []
      try {
        batch = await this.#nextBatch()
        if (batch.length > 0) await this.#make(batch)
      } catch (error) {
        for (const { reject } of batch.length > 0 ? batch : this.#waiting.splice(0)) reject(error)
      }
    }
    this.#running = undefined
  }

  /** As many as a block takes, in order; refuses those whose nonce doesn't fit. */
  async #nextBatch(): Promise<Waiting[]> {
    const batch: Waiting[] = []
    const nonces = new Map<string, number>()
    let gas = 0n
    while (batch.length < MAX_TRANSACTIONS) {
      const next = this.#waiting[0]
      if (next === undefined || gas + next.transaction.gas > BigInt(this.#maker.blockGas)) break
      const { sender, nonce } = next.transaction
      const expected = nonces.get(sender) ?? (await this.#maker.nonceOf(sender))
      this.#waiting.shift()
      if (nonce !== expected) {
        const words = nonce < expected ? 'nonce too low' : 'nonce too high'
        next.reject(new RpcRefusal(REFUSED, `${words}: ${nonce}, expected ${expected}`, undefined))
        continue
      }
      nonces.set(sender, nonce + 1)
      gas += next.transaction.gas
      batch.push(next)
    }
    return batch
  }

  async #make(batch: readonly Waiting[]): Promise<void> {
    const block = await this.#maker.makeBlock(
      batch.map(({ transaction }) => {
        const raw = fromHex(transaction.raw.slice(2))
        if (raw === undefined) throw new InternalError('a transaction that was admitted is no hexadecimal')
        return raw
      }),
    )
    const executed = new Set(block.transactions)
    for (const { transaction, resolve, reject } of batch) {
      if (executed.has(transaction.hash)) resolve(transaction.hash)
      else reject(new RpcRefusal(REFUSED, 'the transaction could not be executed', undefined))
    }
  }
}

/** What a stopped or broken chain tells. */
export function chainFault(error: unknown): AllmendError {
  return error instanceof AllmendError
    ? error
    : new InternalError('the embedded chain failed', {}, { cause: error })
}
