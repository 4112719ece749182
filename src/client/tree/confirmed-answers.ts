/** Answers of the tracker about spaces and folders, each held against the map: complete, and nothing older than the newest. */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import { mapChild, mapChildren, mapSpaces } from '../../core/open/log/map/map-key.ts'
import { operationCodec, spaceIdOf } from '../../core/open/objects/operation.ts'
import { NODE_ID_BYTES, ZERO_ID } from '../../core/open/objects/suite.ts'
import type {
  NodesAnswer,
  NodeView,
  OperationView,
  SpaceView,
} from '../../core/open/protocol/tracker-methods.ts'
import { getNodes, listChildren, listSpaces } from '../../core/open/protocol/tracker-methods.ts'
import { MAX_ANSWERS, confirmed } from '../log/confirm-claims.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { TrackerCalls } from '../tracker.ts'
import { confirmEpochs } from './confirmed-epochs.ts'
import type { RemoteNode } from './remote-node.ts'

const NO_PARENT = new Uint8Array(NODE_ID_BYTES)

export interface ServedNode {
  readonly view: NodeView
  /** Of its page. */
  readonly operations: readonly OperationView[]
}

export interface ServedSpace {
  readonly view: SpaceView
  /** The answer that holds its root alone. */
  readonly root: NodesAnswer
}

/** A folder's live children, all of them. */
export function confirmedChildren(
  log: LogReader,
  tracker: TrackerCalls,
  folder: Pick<RemoteNode, 'space' | 'id'>,
): Promise<ServedNode[]> {
  const { primitives } = log.parts
  const space = folder.space.id
  return confirmed(
    log,
    () => readChildren(tracker, folder),
    (nodes) => ({
      points: [],
      prefixes: [
        {
          prefix: mapChildren(primitives, space, folder.id),
          claims: nodes.map((node) => ({
            key: mapChild(primitives, space, folder.id, node.view.node),
            newest: newestOf(node),
          })),
        },
      ],
    }),
  )
}

async function readChildren(
  tracker: TrackerCalls,
  { space, id }: Pick<RemoteNode, 'space' | 'id'>,
): Promise<ServedNode[]> {
  const nodes: ServedNode[] = []
  const seen = new Set<string>()
  let cursor: Uint8Array | undefined
  do {
    const page = await tracker.call(listChildren, { space: space.id, node: id, cursor })
    for (const view of page.nodes) {
      const name = toHex(view.node)
      if (seen.has(name)) throw new UntrustedError('the tracker serves a node twice')
      seen.add(name)
      nodes.push({ view, operations: page.operations })
    }
    if (page.cursor !== undefined && page.nodes.length === 0)
      throw new UntrustedError('the tracker serves empty pages without end')
    cursor = page.cursor
  } while (cursor !== undefined)
  return nodes
}

/** The newest change of a live node always carries metadata: `openNode` checks that it is the node's head. */
function newestOf({ view, operations }: ServedNode): OperationView {
  const operation = operations[view.meta.operation]
  if (operation === undefined) throw new UntrustedError('a change names no operation of its answer')
  return operation
}

/** The member's own spaces with their roots: none that the log has is left out. */
export async function confirmedSpaces(
  log: LogReader,
  tracker: TrackerCalls,
  member: Uint8Array,
): Promise<ServedSpace[]> {
  const { primitives } = log.parts
  for (let answers = 1; ; answers++) {
    const served = await confirmed(
      log,
      () => readSpaces(tracker),
      (spaces) => ({
        points: spaces.map(({ view, root }) => ({
          key: mapChild(primitives, view.space, NO_PARENT, view.root),
          newest: newestOf({ view: root.nodes[0]!, operations: root.operations }),
        })),
        prefixes: [],
      }),
    )
    const ids = new Set(served.map(({ view }) => toHex(view.space)))
    const proven = await log.prove({
      points: [],
      prefixes: [mapSpaces(primitives)],
      covers: served.reduce((most, { view: space }) => Math.max(most, space.genesis.index + 1), 0),
    })
    const { found, view, proof } = proven
    const missing = found.find(({ entry }) => {
      if (entry.kind !== ENTRY_KIND.operation) return false
      const operation = operationCodec.decode(entry.body)
      const isGenesis = equalBytes(operation.space, ZERO_ID) && equalBytes(operation.member, member)
      return isGenesis && !ids.has(toHex(spaceIdOf(primitives, entry.body)))
    })
    if (missing === undefined) {
      const views = served.map(({ view: space }) => space)
      await confirmEpochs(log, views, proven)
      return served
    }
    if (answers === MAX_ANSWERS)
      throw await log.mistrust('the tracker leaves out a space that the log has', {
        served: encodeCheckpoint(primitives, log.identity, view.checkpoint),
        keys: [missing.key],
        proof,
      })
  }
}

async function readSpaces(tracker: TrackerCalls): Promise<ServedSpace[]> {
  const { spaces } = await tracker.call(listSpaces, {})
  const served: ServedSpace[] = []
  const seen = new Set<string>()
  for (const view of spaces) {
    const name = toHex(view.space)
    if (seen.has(name)) throw new UntrustedError('the tracker serves a space twice')
    seen.add(name)
    const root = await tracker.call(getNodes, { space: view.space, nodes: [view.root] })
    const [node, ...others] = root.nodes
    if (node === undefined || others.length > 0 || !equalBytes(node.node, view.root))
      throw new UntrustedError('the tracker withholds the root of a space')
    served.push({ view, root })
  }
  return served
}
