import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import type { AnchoredSize } from '../../client/log/audit/audit-log.ts'
import type { EvmLedger } from '../../adapters/evm/evm-ledger.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import type { PinnedChain } from '../../ports/pin-store.ts'

/** Opens the pool's contracts for reading; throws UntrustedError when they aren't those that were pinned. */
export async function withChain<T>(
  url: string,
  pool: Uint8Array,
  { chainId, directory, codeHash, anchor }: PinnedChain,
  use: (ledger: EvmLedger) => Promise<T>,
): Promise<T> {
  // Commands that don't ask a chain start without what that takes.
  const { openEvmLedger } = await import('../../adapters/evm/evm-ledger.ts')
  const ledger = await openEvmLedger({ url, clock: nodeClock, primitives: nodePrimitives, directory })
  try {
    const { binding } = ledger
    const isPinned =
      equalBytes(ledger.pool, pool) &&
      binding.chainId === chainId &&
      equalBytes(binding.codeHash, codeHash) &&
      equalBytes(binding.anchor, anchor)
    if (!isPinned)
      throw new UntrustedError("this is not the pool's chain, or these are not its contracts", { chainId })
    return await use(ledger)
  } finally {
    await ledger.close()
  }
}

/** All heads that the chain itself holds of the pool's log. */
export async function readChainHeads(ledger: EvmLedger): Promise<AnchoredSize[]> {
  const { block } = (await ledger.status()).chain
  const heads: AnchoredSize[] = []
  const count = await ledger.headCount(block.number)
  for (let index = 0; index < count; index++) {
    const head = await ledger.headAt(index, block.number)
    if (head === undefined) throw new UntrustedError('the chain lacks a head that it counts', { index })
    heads.push({ size: head.size, root: head.root, block: head.block })
  }
  return heads
}
