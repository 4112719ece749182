import type { SpaceView } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import { callingDevice, holdsRight } from '../callers.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import { operationView } from './nodes-page.ts'
import type { TrackerState } from '../tracker-state.ts'

/** The live spaces that the caller's member may read, oldest first, each with its genesis operation and its changes. */
export function listSpaces(
  state: TrackerState,
  _request: Record<never, never>,
  context: Context,
): { spaces: SpaceView[] } {
  return state.store.read((tables) => {
    const { member } = callingDevice(state, tables, context)
    const spaces = tables.spaces
      .spacesOf(member)
      .filter(({ id, root }) => {
        const node = tables.spaces.node(id, root)
        return node?.deleted === false && holdsRight(state, tables, member, id, RIGHT.read)
      })
      .map(({ id, root, epoch, genesis }) => ({
        space: id,
        root,
        epoch,
        genesis: operationView(tables, genesis),
        changes: tables.log.changes(genesis),
      }))
    return { spaces }
  })
}
