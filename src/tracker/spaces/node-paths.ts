import { equalBytes } from '../../core/open/bytes.ts'
import type { SpaceReader, NodeRow } from '../../ports/tracker-store-spaces.ts'

/** Whether a node and everything above it is there: none is deleted. */
export function isLive(spaces: SpaceReader, space: Uint8Array, root: Uint8Array, node: NodeRow): boolean {
  let at = node
  // A path of moved subtrees may be deeper than what may be written to; it has no cycles.
  for (;;) {
    if (at.deleted) return false
    if (equalBytes(at.id, root)) return true
    const parent = spaces.node(space, at.parent)
    if (parent === undefined) return false
    at = parent
  }
}
