/**
 * What may enter a block of the embedded chain: whole, signed for this chain, affordable in gas. Checked before the journal, so
 * that a block holds what will be executed and nothing stays pending in the engine.
 */
import type { Hex, TransactionSerialized } from 'viem'
import { keccak256, parseTransaction, recoverTransactionAddress } from 'viem'
import { RpcRefusal } from '../json-rpc.ts'

/** As other nodes have it; a block holds 64 of them. */
const MAX_RAW_BYTES = 128 * 1024
/** JSON-RPC code of a transaction that is refused. */
export const REFUSED = -32_003
const TYPES = new Set(['legacy', 'eip2930', 'eip1559'])

export interface AdmittedTransaction {
  readonly raw: Hex
  readonly hash: Hex
  readonly sender: Hex
  readonly nonce: number
  readonly gas: bigint
}

function refuse(message: string): never {
  throw new RpcRefusal(REFUSED, message, undefined)
}

function isHex(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x(?:[0-9a-f]{2})+$/i.test(value)
}

/** RpcRefusal with what is wrong; the nonce is checked when the block is made. */
export async function admitTransaction(
  raw: unknown,
  chainId: number,
  blockGas: number,
): Promise<AdmittedTransaction> {
  if (!isHex(raw)) refuse('the transaction is no hexadecimal')
  if (raw.length > 2 + 2 * MAX_RAW_BYTES) refuse('the transaction is too large')
  const { transaction, sender } = await parsed(raw)
  if (!TYPES.has(transaction.type ?? '')) refuse('transactions of this type are not taken')
  if (transaction.chainId !== chainId)
    refuse(`the transaction is for chain ${transaction.chainId}, this is ${chainId}`)
  const gas = transaction.gas ?? 0n
  if (gas > BigInt(blockGas)) refuse('the transaction wants more gas than a block has')
  if ((transaction.value ?? 0n) > 0n) refuse('insufficient funds: nobody has any on this chain')
  const price = transaction.maxFeePerGas ?? transaction.gasPrice ?? 0n
  if (price > 0n) refuse('insufficient funds for gas: its price is 0 on this chain')
  return { raw, hash: keccak256(raw), sender, nonce: transaction.nonce ?? 0, gas }
}

async function parsed(raw: Hex) {
  try {
    const transaction = parseTransaction(raw)
    const sender = await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized })
    return { transaction, sender }
  } catch {
    // viem's message would repeat the transaction.
    return refuse('the transaction can’t be decoded, or its signature is wrong')
  }
}
