import { MalformedError, NotFoundError } from '../../core/open/errors.ts'
import { RIGHT } from '../../core/open/objects/change.ts'
import type { NodesAnswer } from '../../core/open/protocol/tracker-methods.ts'
import type { Context } from '../../ports/rpc.ts'
import type { ChangePlace } from '../../ports/tracker-store-spaces.ts'
import { callingDevice, requireRight } from '../callers.ts'
import { isLive } from './node-paths.ts'
import { MAX_PAGE_NODES, NodesPage } from './nodes-page.ts'
import type { TrackerState } from '../tracker-state.ts'

/** Entry (6 bytes) and place (2) of the last child's creation, big-endian. */
const CURSOR_BYTES = 8

/**
 * A live folder's live children by creation, a page at a time: what was created meanwhile comes at the end. Throws NotFoundError
 * for a folder that isn't there, DeniedError without the right to read, MalformedError for a cursor that none of ours.
 */
export function listChildren(
  state: TrackerState,
  request: {
    readonly space: Uint8Array
    readonly node: Uint8Array
    readonly cursor?: Uint8Array | undefined
  },
  context: Context,
): NodesAnswer {
  const { space, node } = request
  const after = request.cursor === undefined ? undefined : decodeCursor(request.cursor)
  return state.store.read((tables) => {
    const { member } = callingDevice(state, tables, context)
    requireRight(state, tables, member, space, RIGHT.read)
    const row = tables.spaces.space(space)
    const folder = tables.spaces.node(space, node)
    if (row === undefined || folder === undefined || !isLive(tables.spaces, space, row.root, folder))
      throw new NotFoundError('this folder is not there')
    const page = new NodesPage(tables, state.trees)
    const children = tables.spaces.children(space, node, after, MAX_PAGE_NODES + 1)
    for (const [i, child] of children.entries())
      if (!page.add(child)) return page.answer(encodeCursor(children[i - 1]!.created))
    return page.answer()
  })
}

function encodeCursor({ operation, place }: ChangePlace): Uint8Array {
  const cursor = new Uint8Array(CURSOR_BYTES)
  const view = new DataView(cursor.buffer)
  view.setUint16(0, Math.floor(operation / 2 ** 32))
  view.setUint32(2, operation >>> 0)
  view.setUint16(6, place)
  return cursor
}

function decodeCursor(cursor: Uint8Array): ChangePlace {
  if (cursor.length !== CURSOR_BYTES) throw new MalformedError('this cursor is none that was given')
  const view = new DataView(cursor.buffer, cursor.byteOffset, cursor.byteLength)
  return { operation: view.getUint16(0) * 2 ** 32 + view.getUint32(2), place: view.getUint16(6) }
}
