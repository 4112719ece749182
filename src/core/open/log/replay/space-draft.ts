/**
 * A space as it becomes while an operation's changes are applied, one after the other. Invariants:
 * - a path that was found sound (live, shallow enough, no stale edge) is remembered until a change could make it unsound.
 * - a root is its own parent's child: `parent` is zeros, and nothing above it is looked for.
 */
import { concatBytes, equalBytes, nameOf } from '../../bytes.ts'
import { CapacityError, ConflictError, NotFoundError } from '../../errors.ts'
import type { Primitives } from '../../primitives.ts'
import { mapChildren, mapNodes, placeOfNode } from '../map/map-key.ts'
import type { RowDraft } from './row-draft.ts'
import type { GrantState, NodeState } from './rows.ts'

/** The depth of any node below its root: a path is walked for each change. */
export const MAX_TREE_DEPTH = 1_024

export class SpaceDraft {
  /** First halves of map keys, by parent (or of all placements): an operation has many changes in few folders. */
  readonly #lists = new Map<string, Uint8Array>()
  readonly space: Uint8Array
  readonly root: Uint8Array
  readonly grants: readonly GrantState[]
  readonly #rows: RowDraft
  /** Depth of nodes whose path, own edge included, is sound. */
  readonly #sound = new Map<string, number>()
  /** Nodes that were looked at, by id: each is asked for several times. */
  readonly #nodes = new Map<string, NodeState | undefined>()

  constructor(rows: RowDraft, space: Uint8Array, root: Uint8Array, grants: readonly GrantState[]) {
    this.#rows = rows
    this.space = space
    this.root = root
    this.grants = grants
  }

  /** The node as it is now, deleted ones too. */
  find(node: Uint8Array): NodeState | undefined {
    const name = nameOf(node)
    const known = this.#nodes.get(name)
    if (known !== undefined || this.#nodes.has(name)) return known
    const row = this.#rows.get('node', concatBytes(this.space, node))
    this.#nodes.set(name, row)
    return row
  }

  /** The node, which must be there and not deleted itself; throws NotFoundError. */
  get(node: Uint8Array): NodeState {
    const row = this.find(node)
    if (row === undefined || row.deleted) throw new NotFoundError('this node is not there', { node })
    return row
  }

  put(node: Uint8Array, row: NodeState): void {
    const before = this.find(node)
    if (before !== undefined && (before.gen !== row.gen || before.deleted !== row.deleted))
      this.#sound.clear()
    this.#put(node, row)
    if (this.isRoot(node)) return
    const parent = this.find(row.parent)
    if (parent !== undefined && !parent.isFolder) this.#put(row.parent, { ...parent, isFolder: true })
  }

  #put(node: Uint8Array, row: NodeState): void {
    this.#nodes.set(nameOf(node), row)
    this.#rows.put('node', concatBytes(this.space, node), row)
  }

  /** The map key of a node's placement. */
  placementKey(primitives: Primitives, node: Uint8Array): Uint8Array {
    const list = this.#list('', () => mapNodes(primitives, this.space))
    return concatBytes(list, placeOfNode(primitives, 'n', node))
  }

  /** The map key of a node's newest version in a folder. */
  versionKey(primitives: Primitives, parent: Uint8Array, node: Uint8Array): Uint8Array {
    const list = this.#list(nameOf(parent), () => mapChildren(primitives, this.space, parent))
    return concatBytes(list, placeOfNode(primitives, 'c', node))
  }

  #list(name: string, make: () => Uint8Array): Uint8Array {
    let list = this.#lists.get(name)
    if (list === undefined) {
      list = make()
      this.#lists.set(name, list)
    }
    return list
  }

  isRoot(node: Uint8Array): boolean {
    return equalBytes(node, this.root)
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
    const walked: Uint8Array[] = []
    let at = node
    let depth: number | undefined
    for (;;) {
      const row = this.get(at)
      depth = this.#sound.get(nameOf(at))
      if (depth !== undefined) break
      walked.push(at)
      if (this.isRoot(at)) {
        depth = -1
        break
      }
      if (walked.length > MAX_TREE_DEPTH) throw tooDeep()
      at = row.parent
    }
    for (const id of walked.reverse()) {
      const row = this.get(id)
      if (!this.isRoot(id) && this.get(row.parent).gen !== row.parentGen)
        throw new ConflictError('a folder above was given new keys that this node does not stand under yet', {
          stale: id,
          gen: this.get(row.parent).gen,
        })
      depth++
      if (depth > MAX_TREE_DEPTH) throw tooDeep()
      this.#sound.set(nameOf(id), depth)
    }
  }
}

function tooDeep(): CapacityError {
  return new CapacityError(`folders stand at most ${MAX_TREE_DEPTH} deep`, { depth: MAX_TREE_DEPTH })
}
