/**
 * A member's spaces as the entries of a log make them, one after the other: what a tracker lists, without asking it. Entries must
 * have passed the rules; what an entry changes is taken as it says.
 */
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import type { LogEntry } from '../../../core/open/log/entry.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import type { Change } from '../../../core/open/objects/change.ts'
import { CHANGE_KIND, changeCodec, changeId } from '../../../core/open/objects/change.ts'
import { operationCodec, spaceIdOf } from '../../../core/open/objects/operation.ts'
import { ZERO_ID } from '../../../core/open/objects/suite.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import type {
  ChangeView,
  NodeView,
  OperationView,
  SpaceView,
} from '../../../core/open/protocol/tracker-methods.ts'

interface LoggedChange {
  readonly operation: OperationView
  readonly place: number
  readonly change: Uint8Array
}

interface LoggedNode {
  readonly node: Uint8Array
  generations: LoggedChange[]
  meta: LoggedChange | undefined
  content: LoggedChange | undefined
  version: number
  head: Uint8Array
  parent: string
}

/** A node as a tracker would serve it, with the operations that its changes name. */
export interface ReplayedNode {
  readonly view: NodeView
  readonly operations: readonly OperationView[]
}

export interface ReplayedSpace {
  readonly view: SpaceView
  /** Live nodes below one; the root's parent is zeros. */
  children(parent: Uint8Array): ReplayedNode[]
}

class LoggedSpace implements ReplayedSpace {
  readonly view: SpaceView
  readonly #nodes = new Map<string, LoggedNode>()
  readonly #children = new Map<string, Set<string>>()

  constructor(view: SpaceView) {
    this.view = view
  }

  apply(primitives: Primitives, operation: OperationView, place: number, encoded: Uint8Array): void {
    const change = changeCodec.decode(encoded)
    const name = toHex(change.node)
    if (change.kind === CHANGE_KIND.delete) {
      this.#children.get(this.#nodes.get(name)?.parent ?? '')?.delete(name)
      this.#nodes.delete(name)
      return
    }
    const node = this.#nodes.get(name) ?? newNode(change)
    this.#nodes.set(name, node)
    const logged = { operation, place, change: encoded }
    const record = change.keyRecord
    if (record !== undefined) {
      node.generations.push(logged)
      this.#children.get(node.parent)?.delete(name)
      node.parent = toHex(record.parent)
      const siblings = this.#children.get(node.parent) ?? new Set()
      this.#children.set(node.parent, siblings.add(name))
    }
    if (change.meta !== undefined) node.meta = logged
    if (change.manifest !== undefined) node.content = logged
    node.version = change.version
    node.head = changeId(primitives, encoded)
  }

  children(parent: Uint8Array): ReplayedNode[] {
    return [...(this.#children.get(toHex(parent)) ?? [])].map((name) => viewOf(this.#nodes.get(name)!))
  }
}

function newNode({ node }: Change): LoggedNode {
  return { node, generations: [], meta: undefined, content: undefined, version: 0, head: ZERO_ID, parent: '' }
}

function viewOf({ node, generations, meta, content, version, head }: LoggedNode): ReplayedNode {
  const operations: OperationView[] = []
  const changeView = ({ operation, place, change }: LoggedChange): ChangeView => {
    let at = operations.indexOf(operation)
    if (at === -1) at = operations.push(operation) - 1
    return { operation: at, place, change, path: [] }
  }
  const view: NodeView = {
    node,
    generations: generations.map(changeView),
    // Whatever changes a live node carries metadata.
    meta: changeView(meta!),
    ...(content === undefined ? {} : { content: changeView(content) }),
    version,
    head,
  }
  return { view, operations }
}

export class ReplayedSpaces {
  readonly #primitives: Primitives
  readonly #member: Uint8Array
  readonly #spaces = new Map<string, LoggedSpace>()

  /** Keeps those that this member has made. */
  constructor(primitives: Primitives, member: Uint8Array) {
    this.#primitives = primitives
    this.#member = member
  }

  /** Takes in the next entry. */
  add({ kind, index, time, body, signatures }: LogEntry, changes: readonly Uint8Array[]): void {
    if (kind !== ENTRY_KIND.operation) return
    const operation = operationCodec.decode(body)
    const view: OperationView = { index, time, signed: [body, signatures], count: changes.length }
    const isGenesis = equalBytes(operation.space, ZERO_ID)
    const id = isGenesis ? spaceIdOf(this.#primitives, body) : operation.space
    if (isGenesis && equalBytes(operation.member, this.#member)) {
      const { node: root } = changeCodec.decode(changes[0]!)
      this.#spaces.set(
        toHex(id),
        new LoggedSpace({ space: id, root, epoch: operation.epoch, genesis: view, changes: [...changes] }),
      )
    }
    const space = this.#spaces.get(toHex(id))
    if (space === undefined) return
    for (const [place, change] of changes.entries()) space.apply(this.#primitives, view, place, change)
  }

  spaces(): ReplayedSpace[] {
    return [...this.#spaces.values()]
  }
}
