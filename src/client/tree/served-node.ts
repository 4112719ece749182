import type { ChangeView, NodeView, OperationView } from '../../core/open/protocol/tracker-methods.ts'
import { getNodes } from '../../core/open/protocol/tracker-methods.ts'

/** What was served of one node, for evidence: `get-nodes` and an answer of it that holds nothing else. */
export function servedNode(
  view: NodeView,
  operations: readonly OperationView[],
): readonly [number, Uint8Array] {
  const used = [
    ...new Set(
      [...view.generations, view.meta, ...(view.content === undefined ? [] : [view.content])].map(
        ({ operation }) => operation,
      ),
    ),
  ].filter((place) => place < operations.length)
  const moved = (change: ChangeView): ChangeView => {
    const place = used.indexOf(change.operation)
    return { ...change, operation: place === -1 ? used.length : place }
  }
  const node: NodeView = {
    ...view,
    generations: view.generations.map(moved),
    meta: moved(view.meta),
    content: view.content === undefined ? undefined : moved(view.content),
  }
  const answer = { operations: used.map((place) => operations[place]!), nodes: [node] }
  return [getNodes.id, getNodes.response.encode(answer)]
}
