import { NotFoundError } from '../../core/open/errors.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { NodesAnswer } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { isLive } from './node-paths.ts'
import { NodesPage } from './nodes-page.ts'
import type { TrackerState } from '../tracker-state.ts'

/**
 * Live nodes by id, for those who may read the space; unknown and deleted ones are left out. An answer that would exceed a page
 * stops early, and its cursor is the number of ids that it has dealt with (4 bytes, big-endian).
 */
export function getNodes(
  state: TrackerState,
  { space, nodes }: { readonly space: Uint8Array; readonly nodes: readonly Uint8Array[] },
  context: Context,
): NodesAnswer {
  return state.store.read((tables) => {
    const { member } = callingDevice(state, tables, context)
    requireRight(state, tables, member, space, RIGHT.read)
    const row = tables.spaces.space(space)
    if (row === undefined) throw new NotFoundError('this pool has no such space')
    const page = new NodesPage(tables, state.trees)
    for (const [i, id] of nodes.entries()) {
      const node = tables.spaces.node(space, id)
      if (node === undefined || !isLive(tables.spaces, space, row.root, node)) continue
      if (page.add(node)) continue
      const cursor = new Uint8Array(4)
      new DataView(cursor.buffer).setUint32(0, i)
      return page.answer(cursor)
    }
    return page.answer()
  })
}
