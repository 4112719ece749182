import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '../../../core/open/bytes.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)

export const SENDER: Hex = account.address

/** A transaction that does nothing, signed; `bytes` of data make it longer. */
export function plainTransaction(
  chainId: number,
  nonce: number,
  over: { gas?: bigint; value?: bigint; price?: bigint; bytes?: number } = {},
): Promise<Hex> {
  return account.signTransaction({
    type: 'legacy',
    chainId,
    nonce,
    gas: over.gas ?? 100_000n,
    gasPrice: over.price ?? 0n,
    value: over.value ?? 0n,
    to: `0x${'ab'.repeat(20)}`,
    data: `0x${toHex(new Uint8Array(over.bytes ?? 1).fill(1))}`,
  })
}
