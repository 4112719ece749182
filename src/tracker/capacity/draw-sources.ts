/**
 * What placements are drawn from. Invariants:
 * - one draw, from the ledger's weights at a block as long as these can give the shards, else from the providers' reports; the record
 *   says which.
 * - the ledger's weights stay in use while its chain is away: nothing here waits for it.
 */
import { NotEnoughProvidersError } from '../../core/open/errors.ts'
import type { PlacementDraw, PlacementRequest } from '../../core/open/placement/placement.ts'
import { PlacementTree, drawPlacement } from '../../core/open/placement/placement.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { BlockRef } from '../../ports/ledger-chain.ts'
import type { LedgerProviders } from '../../ports/ledger-providers.ts'

interface LedgerSource {
  readonly tree: PlacementTree
  readonly block: BlockRef
}

export class DrawSources {
  readonly #primitives: Pick<Primitives, 'sha256'>
  #ledger: LedgerSource | undefined

  constructor(primitives: Pick<Primitives, 'sha256'>) {
    this.#primitives = primitives
  }

  /** Draws from these weights from now on, which are those of this block. */
  useLedger(providers: LedgerProviders, block: BlockRef): void {
    this.#ledger = { tree: new PlacementTree(providers), block }
  }

  /**
   * Draws; `why` says for a provider why it can't be drawn now, if so. Throws NotEnoughProvidersError when neither the ledger's weights
   * nor those of the reports give enough.
   */
  draw(
    request: Omit<PlacementRequest, 'skipped'>,
    reported: () => PlacementTree,
    why: (provider: Uint8Array) => 0 | 1 | 2 | undefined,
  ): PlacementDraw {
    if (this.#ledger !== undefined)
      try {
        return this.#drawFrom(request, this.#ledger.tree, why, this.#ledger.block)
      } catch (error) {
        // Providers come to the ledger later than to the tracker.
        if (!(error instanceof NotEnoughProvidersError)) throw error
      }
    return this.#drawFrom(request, reported(), why)
  }

  #drawFrom(
    request: Omit<PlacementRequest, 'skipped'>,
    tree: PlacementTree,
    why: (provider: Uint8Array) => 0 | 1 | 2 | undefined,
    block?: BlockRef,
  ): PlacementDraw {
    const skipped = tree.drawable().flatMap((id) => {
      const reason = why(id)
      return reason === undefined ? [] : [[id, reason] as const]
    })
    const { attempt, indices, held } = request
    const drawn = drawPlacement(this.#primitives, tree, { ...request, skipped })
    return {
      attempt,
      indices,
      ...(block === undefined ? {} : { block: [block.number, block.hash] as const }),
      skipped,
      held,
      ...drawn,
    }
  }
}
