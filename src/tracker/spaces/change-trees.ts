import type { MerkleLevels } from '../../core/open/merkle.ts'
import { merkleLevels, pathFrom } from '../../core/open/merkle.ts'
import { changeLeaves } from '../../core/open/objects/operation.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { LogReader } from '../../ports/tracker-store-log.ts'

/** Trees kept: of 4,096 changes each they take 64 × 0.5 MB. */
const MAX_TREES = 64

/** The Merkle trees of operations' changes, made once and kept while they are asked for. */
export class ChangeTrees {
  readonly #primitives: Primitives
  readonly #trees = new Map<number, MerkleLevels>()
  /** Trees made so far: what bounds the work of a page. */
  made = 0

  constructor(primitives: Primitives) {
    this.#primitives = primitives
  }

  /** The inclusion path of a change in its operation. */
  path(log: LogReader, operation: number, place: number): Uint8Array[] {
    let levels = this.#trees.get(operation)
    if (levels === undefined) {
      levels = merkleLevels(this.#primitives.sha256, changeLeaves(this.#primitives, log.changes(operation)))
      this.made++
    }
    // The youngest stands last.
    this.#trees.delete(operation)
    this.#trees.set(operation, levels)
    if (this.#trees.size > MAX_TREES) this.#trees.delete(this.#trees.keys().next().value!)
    return pathFrom(levels, place)
  }
}
