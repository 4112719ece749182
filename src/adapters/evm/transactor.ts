/**
 * Sends transactions with one key to one network. Invariants:
 * - the node's chain id is checked before anything is signed for it.
 * - one write is one nonce: what is sent again is the same transaction, or its replacement under the same nonce, until the
 *   network calls a block with it final. A reorganisation only sends it back to waiting.
 * - a receipt counts when its block is on the chain and the state shows what the transaction was for.
 * - after a failure nothing is forgotten that could still happen: the next write reads the nonce anew.
 */
import type { Hex } from 'viem'
import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { AllmendError, CapacityError, UnreachableError, UntrustedError } from '../../core/open/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ChainKind, Receipt } from '../../ports/ledger-chain.ts'
import { hexOf } from './typed-data.ts'
import type { ChainReader, Fees, TransactionReceipt } from './chain-reader.ts'
import { RpcRefusal } from './json-rpc.ts'

/** Estimates are exact for the state they saw; another transaction may come first. */
const GAS_MARGIN = 1.25
/** A replacement that pays less than 10 % more isn't taken by common nodes. */
const BUMP_PERCENT = 15n
/** Asking more often than this tells nothing on networks with blocks of a second. */
const POLL_MS: Readonly<Record<ChainKind, number>> = {
  embedded: 50,
  consortium: 500,
  rollup: 1_000,
  public: 4_000,
}
/** Not in a block after this: its fee is too low, or the node has lost it. */
const STUCK_MS: Readonly<Record<ChainKind, number>> = {
  embedded: 2_000,
  consortium: 15_000,
  rollup: 30_000,
  public: 90_000,
}
/** A write that isn't final after this is given up by its caller, who may repeat it. */
const PATIENCE_MS: Readonly<Record<ChainKind, number>> = {
  embedded: 30_000,
  consortium: 120_000,
  rollup: 1_800_000,
  public: 3_600_000,
}

export interface TransactorOptions {
  readonly reader: ChainReader
  /** 32 bytes, secp256k1. */
  readonly key: Uint8Array
  readonly kind: ChainKind
  readonly chainId: number
  readonly clock: Clock
  readonly patienceMs?: number
  /** Ends the waiting of writes: CancelledError; what is sent may still come into a block. */
  readonly signal?: AbortSignal
}

export interface Write {
  /** None: a contract is created. */
  readonly to: Hex | undefined
  readonly data: Hex
  /** Whether the newest state shows what this write is for. */
  readonly done: () => Promise<boolean>
  /** Takes the address of a contract that it created, 20 bytes. */
  readonly created?: (address: Uint8Array) => void
}

interface Sent {
  readonly nonce: number
  readonly gas: bigint
  readonly fees: Fees
  /** All versions, newest last. */
  readonly hashes: Hex[]
  raw: Hex
  since: number
}

export class Transactor {
  readonly address: Hex
  readonly #options: TransactorOptions
  readonly #account: ReturnType<typeof privateKeyToAccount>
  readonly #pending = new Set<Sent>()
  #turn: Promise<unknown> = Promise.resolve()
  #gasSpent = 0

  constructor(options: TransactorOptions) {
    this.#options = options
    this.#account = privateKeyToAccount(hexOf(options.key))
    this.address = this.#account.address
  }

  /** Gas of the transactions that came into final blocks. */
  get gasSpent(): number {
    return this.#gasSpent
  }

  /** Sends and waits for finality. RpcRefusal: it would revert; UnreachableError: the outcome is unknown. */
  async write(write: Write): Promise<Receipt> {
    if (await write.done()) return this.#alreadyDone()
    const sent = await this.#inTurn(() => this.#send(write))
    this.#pending.add(sent)
    try {
      return await this.#settled(write, sent)
    } finally {
      this.#pending.delete(sent)
    }
  }

  async #alreadyDone(): Promise<Receipt> {
    return { block: await this.#options.reader.head(), transaction: undefined, gas: 0 }
  }

  /** One after the other, so that nonces follow each other. */
  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(run)
    this.#turn = mine.catch(() => {
      // Whoever waits for it hears of it.
    })
    return mine
  }

  async #send(write: Write): Promise<Sent> {
    const { reader, chainId, clock } = this.#options
    await reader.checkChain(chainId)
    const gas = await reader.estimateGas({ from: this.address, to: write.to, data: write.data })
    const fees = await reader.fees()
    const mined = await reader.nonceOf(this.address)
    const nonce = Math.max(mined, ...[...this.#pending].map((pending) => pending.nonce + 1))
    const sent: Sent = {
      nonce,
      gas: BigInt(Math.ceil(Number(gas) * GAS_MARGIN)),
      fees,
      hashes: [],
      raw: '0x',
      since: clock.monotonic(),
    }
    await this.#sign(write, sent, fees)
    await this.#broadcast(sent)
    return sent
  }

  async #sign(write: Write, sent: Sent, fees: Fees): Promise<void> {
    sent.raw = await this.#account.signTransaction({
      type: 'eip1559',
      chainId: this.#options.chainId,
      nonce: sent.nonce,
      gas: sent.gas,
      maxFeePerGas: fees.most,
      maxPriorityFeePerGas: fees.priority,
      data: write.data,
      ...(write.to === undefined ? {} : { to: write.to }),
    })
    sent.hashes.push(keccak256(sent.raw))
  }

  async #broadcast(sent: Sent): Promise<void> {
    try {
      await this.#options.reader.sendRaw(sent.raw)
    } catch (error) {
      // Nodes refuse what they have already, or have mined already, in many words: whether it counts is seen by its receipt.
      if (error instanceof RpcRefusal && /already|known|imported|nonce too low/i.test(error.message)) return
      if (error instanceof RpcRefusal && /underpriced/i.test(error.message))
        throw new UnreachableError(
          'an earlier transaction of this key is still waiting',
          {},
          { cause: error },
        )
      if (error instanceof RpcRefusal && /insufficient funds/i.test(error.message))
        throw new CapacityError('the chain key has no funds for this transaction', {}, { cause: error })
      throw error
    }
  }

  async #settled(write: Write, sent: Sent): Promise<Receipt> {
    const { clock, kind, signal } = this.#options
    const patience = this.#options.patienceMs ?? PATIENCE_MS[kind]
    const deadline = clock.monotonic() + patience
    let doubt: { readonly words: string; readonly since: number } | undefined
    let failure: AllmendError | undefined
    while (clock.monotonic() < deadline) {
      try {
        const seen = await this.#look(write, sent)
        if (seen instanceof AllmendError) failure = seen
        else if (typeof seen === 'object') return seen
        else
          doubt = seen === undefined ? undefined : { words: seen, since: doubt?.since ?? clock.monotonic() }
      } catch (error) {
        if (error instanceof AllmendError && error.policy !== 'retry') throw error
      }
      if (failure !== undefined) throw failure
      // Nodes behind one address are seconds apart; a state that stays away for longer isn't on its way.
      if (doubt !== undefined && clock.monotonic() - doubt.since >= STUCK_MS[kind]) break
      await clock.sleep(POLL_MS[kind], signal)
    }
    if (doubt !== undefined)
      throw new UntrustedError(`the chain’s node says one thing and shows another: ${doubt.words}`, {
        nonce: sent.nonce,
      })
    throw new UnreachableError('the network has not made this write final yet', {
      nonce: sent.nonce,
      patience,
    })
  }

  /** The final receipt, or why it failed; undefined while it is under way; words while the node contradicts itself. */
  async #look(write: Write, sent: Sent): Promise<Receipt | AllmendError | string | undefined> {
    const { reader, kind } = this.#options
    const receipt = await this.#receiptOf(sent)
    if (receipt === undefined) {
      await this.#keepAlive(write, sent)
      return undefined
    }
    sent.since = this.#options.clock.monotonic()
    const block = await reader.blockAt(receipt.block.number)
    if (block === undefined || hexOf(block.hash) !== hexOf(receipt.block.hash))
      return 'the block of its receipt is not on the chain'
    const final = await reader.finalBlock(kind)
    if (final.number < receipt.block.number) return undefined
    if (receipt.contract !== undefined && receipt.succeeded) write.created?.(receipt.contract)
    if (receipt.succeeded && !(await write.done())) return 'its receipt says success, the state does not'
    const outcome = receipt.succeeded ? undefined : await this.#failed(write, receipt)
    this.#gasSpent += receipt.gas
    if (outcome !== undefined) return outcome
    return { block: receipt.block, transaction: receipt.transaction, gas: receipt.gas }
  }

  /** It reverted: something came between, or the gas ran out. The reason is what a call says now. */
  async #failed(write: Write, { block, gas }: TransactionReceipt): Promise<Receipt | AllmendError> {
    if (await write.done()) return { block, transaction: undefined, gas }
    try {
      await this.#options.reader.estimateGas({ from: this.address, to: write.to, data: write.data })
    } catch (error) {
      if (error instanceof RpcRefusal) return error
      throw error
    }
    return new UnreachableError('the transaction failed, and would succeed now', { gas })
  }

  async #receiptOf(sent: Sent): Promise<TransactionReceipt | undefined> {
    for (const hash of sent.hashes.toReversed()) {
      const receipt = await this.#options.reader.receipt(hash)
      if (receipt !== undefined) return receipt
    }
    return undefined
  }

  /** Nothing is in a block: sends it again, for more where it takes long. */
  async #keepAlive(write: Write, sent: Sent): Promise<void> {
    const { clock, kind, reader } = this.#options
    if (clock.monotonic() - sent.since < STUCK_MS[kind]) return
    sent.since = clock.monotonic()
    await reader.checkChain(this.#options.chainId)
    const now = await reader.fees()
    const last = sent.hashes.length
    const bumped = (fee: bigint): bigint => fee + (fee * BUMP_PERCENT * BigInt(last)) / 100n
    const most = bumped(sent.fees.most)
    if (most > sent.fees.most || now.most > sent.fees.most)
      await this.#sign(write, sent, {
        most: most > now.most ? most : now.most,
        priority: bumped(sent.fees.priority),
      })
    await this.#broadcast(sent)
  }
}
