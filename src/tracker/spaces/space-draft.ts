/**
 * A space as it becomes while an operation's changes are applied, one after the other. Invariants:
 * - nothing reaches the store before all changes are applied.
 * - a path that was found sound (live, shallow enough, no stale edge) is remembered until a change could make it unsound.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { CapacityError, ConflictError, NotFoundError } from '../../core/open/errors.ts'
import type { NodeRow, SpaceReader } from '../../ports/tracker-store-spaces.ts'
import { MAX_TREE_DEPTH } from './node-paths.ts'

export class SpaceDraft {
  readonly space: Uint8Array
  readonly #tables: SpaceReader
  readonly #rows = new Map<string, NodeRow>()
  readonly #changed = new Set<string>()
  readonly #parents = new Set<string>()
  /** Depth of nodes whose path, own edge included, is sound. */
  readonly #sound = new Map<string, number>()
  #root: Uint8Array | undefined

  /** `root` is undefined while the space's genesis is applied. */
  constructor(tables: SpaceReader, space: Uint8Array, root: Uint8Array | undefined) {
    this.#tables = tables
    this.space = space
    this.#root = root
  }

  get root(): Uint8Array | undefined {
    return this.#root
  }

  /** The node as it is now, deleted ones too. */
  find(node: Uint8Array): NodeRow | undefined {
    const key = toHex(node)
    let row = this.#rows.get(key)
    if (row === undefined) {
      row = this.#tables.node(this.space, node)
      if (row !== undefined) this.#rows.set(key, row)
    }
    return row
  }

  /** The node, which must be there and not deleted itself; throws NotFoundError. */
  get(node: Uint8Array): NodeRow {
    const row = this.find(node)
    if (row === undefined || row.deleted) throw new NotFoundError('this node is not there', { node })
    return row
  }

  put(row: NodeRow): void {
    const key = toHex(row.id)
    const before = this.#rows.get(key)
    if (this.#root === undefined) this.#root = row.id
    else this.#parents.add(toHex(row.parent))
    if (before !== undefined && (before.gen !== row.gen || before.deleted !== row.deleted))
      this.#sound.clear()
    this.#rows.set(key, row)
    this.#changed.add(key)
  }

  isRoot(node: Uint8Array): boolean {
    return this.#root !== undefined && equalBytes(node, this.#root)
  }

  hasChildren(node: Uint8Array): boolean {
    return this.#parents.has(toHex(node)) || this.#tables.hasChildren(this.space, node)
  }

  /** Whether `below` is `node` or stands beneath it. */
  isWithin(below: Uint8Array, node: Uint8Array): boolean {
    let at = below
    for (let depth = 0; depth <= MAX_TREE_DEPTH; depth++) {
      if (equalBytes(at, node)) return true
      if (this.isRoot(at)) return false
      at = this.get(at).parent
    }
    throw tooDeep()
  }

  /**
   * Throws unless everything from the root down to this node is live and derives its keys from its parent's newest generation:
   * NotFoundError, ConflictError with the topmost `stale` node (a rotate of it mends its edge), CapacityError for too deep.
   */
  requireSound(node: Uint8Array): void {
    const walked: NodeRow[] = []
    let at = this.get(node)
    let depth: number | undefined
    for (;;) {
      depth = this.#sound.get(toHex(at.id))
      if (depth !== undefined) break
      walked.push(at)
      if (this.isRoot(at.id)) {
        depth = -1
        break
      }
      if (walked.length > MAX_TREE_DEPTH) throw tooDeep()
      at = this.get(at.parent)
    }
    for (const row of walked.reverse()) {
      if (!this.isRoot(row.id) && this.get(row.parent).gen !== row.parentGen)
        throw new ConflictError('a folder above was given new keys that this node does not stand under yet', {
          stale: row.id,
          gen: this.get(row.parent).gen,
        })
      depth++
      if (depth > MAX_TREE_DEPTH) throw tooDeep()
      this.#sound.set(toHex(row.id), depth)
    }
  }

  /** Every node that changed, as it is in the end. */
  *changed(): Iterable<NodeRow> {
    for (const key of this.#changed) yield this.#rows.get(key)!
  }
}

function tooDeep(): CapacityError {
  return new CapacityError(`folders stand at most ${MAX_TREE_DEPTH} deep`, { depth: MAX_TREE_DEPTH })
}
