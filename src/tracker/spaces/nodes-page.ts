/** Builds one answer of node views: operations stand in it once, and it stops growing at its limits. */
import { InternalError } from '../../core/open/errors.ts'
import type {
  ChangeView,
  NodesAnswer,
  NodeView,
  OperationView,
} from '../../core/open/protocol/tracker-methods.ts'
import type { TrackerReader } from '../../ports/tracker-store.ts'
import type { ChangePlace, NodeRow } from '../../ports/tracker-store-spaces.ts'
import type { ChangeTrees } from './change-trees.ts'

export const MAX_PAGE_NODES = 1_000
export const MAX_PAGE_BYTES = 2 * 1024 * 1024
/** Trees to be made for one page: 64 of 4,096 changes take about a second. */
const MAX_PAGE_TREES = 64
/** What a path and its framing take. */
const VIEW_OVERHEAD_BYTES = 512

/** An operation as readers get it. */
export function operationView(tables: TrackerReader, index: number): OperationView {
  const entry = tables.log.entry(index)
  if (entry === undefined)
    throw new InternalError('an operation that nodes name is not in the log', { index })
  return {
    index,
    time: entry.time,
    signed: [entry.body, entry.signatures],
    count: tables.log.changeCount(index),
  }
}

export class NodesPage {
  readonly #tables: TrackerReader
  readonly #trees: ChangeTrees
  readonly #treesBefore: number
  readonly #operations: OperationView[] = []
  readonly #places = new Map<number, number>()
  readonly #nodes: NodeView[] = []
  #bytes = 0

  constructor(tables: TrackerReader, trees: ChangeTrees) {
    this.#tables = tables
    this.#trees = trees
    this.#treesBefore = trees.made
  }

  /** Adds a node's view, or returns false and leaves the page as it is when that would exceed it; the first always fits. */
  add(row: NodeRow): boolean {
    if (this.#nodes.length >= MAX_PAGE_NODES || this.#trees.made - this.#treesBefore >= MAX_PAGE_TREES)
      return false
    const changes = this.#changesOf(row)
    let bytes = VIEW_OVERHEAD_BYTES
    // A change that serves several times stands in the view as often.
    for (const at of changesIn(row)) bytes += changes.get(key(at))!.length + VIEW_OVERHEAD_BYTES
    if (this.#nodes.length > 0 && this.#bytes + bytes > MAX_PAGE_BYTES) return false
    this.#bytes += bytes
    const view = (at: ChangePlace): ChangeView => ({
      operation: this.#operation(at.operation),
      place: at.place,
      change: changes.get(key(at))!,
      path: this.#trees.path(this.#tables.log, at.operation, at.place),
    })
    this.#nodes.push({
      node: row.id,
      generations: row.generations.map(view),
      meta: view(row.meta),
      content: row.content === undefined ? undefined : view(row.content),
      version: row.version,
      head: row.head,
    })
    return true
  }

  answer(cursor?: Uint8Array): NodesAnswer {
    return { operations: this.#operations, nodes: this.#nodes, cursor }
  }

  #changesOf(row: NodeRow): Map<string, Uint8Array> {
    const changes = new Map<string, Uint8Array>()
    for (const at of changesIn(row)) {
      if (changes.has(key(at))) continue
      const change = this.#tables.log.change(at.operation, at.place)
      if (change === undefined)
        throw new InternalError('a change that a node names is not in the log', { ...at })
      changes.set(key(at), change)
    }
    return changes
  }

  #operation(index: number): number {
    let place = this.#places.get(index)
    if (place === undefined) {
      place = this.#operations.push(operationView(this.#tables, index)) - 1
      this.#places.set(index, place)
    }
    return place
  }
}

function changesIn(row: NodeRow): ChangePlace[] {
  return [...row.generations, row.meta, ...(row.content === undefined ? [] : [row.content])]
}

function key({ operation, place }: ChangePlace): string {
  return `${operation} ${place}`
}
