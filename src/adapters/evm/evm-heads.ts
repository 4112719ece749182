import { hexToBytes } from 'viem'
import { equalBytes } from '../../core/open/bytes.ts'
import type { AnchoredHead, LedgerReader, LedgerWriter } from '../../ports/ledger.ts'
import { writeTo } from './contract-write.ts'
import type { PoolContracts } from './pool-contracts.ts'
import type { Transactor } from './transactor.ts'
import { hexOf } from './typed-data.ts'

type HeadMethods = Pick<
  LedgerReader & LedgerWriter,
  'headCount' | 'latestHead' | 'headAt' | 'headUpTo' | 'epochOf' | 'anchor' | 'raiseEpochs'
>

export function headMethods({ heads }: PoolContracts, writer: () => Transactor): HeadMethods {
  const headCount = async (block?: number): Promise<number> => Number(await heads.view('count', [], block))
  const read = async (index: number, block?: number): Promise<AnchoredHead> => {
    const head = await heads.view('headAt', [BigInt(index)], block)
    return {
      index,
      size: Number(head.size),
      root: hexToBytes(head.root),
      block: Number(head.number),
      time: Number(head.time),
    }
  }
  const headAt = async (index: number, block?: number): Promise<AnchoredHead | undefined> =>
    index < (await headCount(block)) ? read(index, block) : undefined
  const newestOf = async (count: number, block?: number): Promise<AnchoredHead | undefined> =>
    count === 0 ? undefined : read(count - 1, block)
  const headUpTo = async (size: number, block?: number): Promise<AnchoredHead | undefined> =>
    newestOf(Number(await heads.view('countUpTo', [BigInt(size)], block)), block)
  const epochOf = async (space: Uint8Array, block?: number): Promise<number> =>
    Number(await heads.view('epochOf', [hexOf(space)], block))
  return {
    headCount,
    headAt,
    headUpTo,
    epochOf,
    latestHead: async (block) => newestOf(await headCount(block), block),
    anchor(size, root) {
      const data = heads.data('anchor', [BigInt(size), hexOf(root)])
      return writeTo(writer(), heads, data, async () => {
        const head = await headUpTo(size)
        return head !== undefined && head.size === size && equalBytes(head.root, root)
      })
    },
    raiseEpochs(epochs) {
      const entries = epochs.map(({ space, epoch }) => ({ space: hexOf(space), epoch: BigInt(epoch) }))
      return writeTo(writer(), heads, heads.data('raiseEpochs', [entries]), async () => {
        const now = await Promise.all(epochs.map(({ space }) => epochOf(space)))
        return epochs.every(({ epoch }, i) => epoch === now[i])
      })
    },
  }
}
