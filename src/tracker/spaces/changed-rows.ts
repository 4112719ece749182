/**
 * What the tracker keeps of a node, beside what the log's rules remember: where its changes stand, and how large the answer about
 * it is. Invariant: rows are made of changes that the log has admitted, so nothing but the tracker's own limits can refuse one here.
 */
import { CapacityError, InternalError } from '../../core/open/errors.ts'
import type { DecodedChange } from '../../core/open/log/replay/decoded-changes.ts'
import type { KeyRecord } from '../../core/open/objects/change.ts'
import { CHANGE_KIND } from '../../core/open/objects/change.ts'
import type { ChangePlace, NodeRow, SpaceReader } from '../../ports/tracker-store-spaces.ts'

/** Generations of one node: each stays part of its view, and a view must fit an answer. */
export const MAX_GENERATIONS = 1_024
/** Bytes of the changes that make up one node's view, one that serves several times counted each time. */
export const MAX_NODE_VIEW_BYTES = 4_608 * 1024

interface Admitted extends DecodedChange {
  /** Length of its exact bytes, and where they stand. */
  readonly bytes: number
  readonly at: ChangePlace
}

/** The rows of the nodes that an admitted operation changes, each once; throws CapacityError. `index`: its entry in the log. */
export function* changedRows(
  tables: SpaceReader,
  space: Uint8Array,
  index: number,
  steps: readonly DecodedChange[],
  changes: readonly Uint8Array[],
): Iterable<NodeRow> {
  for (const [place, step] of steps.entries()) {
    const admitted = { ...step, bytes: changes[place]!.length, at: { operation: index, place } }
    const row =
      step.change.kind === CHANGE_KIND.create ? firstRow(admitted) : nextRow(tables, space, admitted)
    requireServable(row)
    yield row
  }
}

function requireServable(row: NodeRow): void {
  if (row.generations.length > MAX_GENERATIONS)
    throw new CapacityError(`a node has at most ${MAX_GENERATIONS} generations`, { node: row.id })
  if (row.generationBytes + row.metaBytes + row.contentBytes > MAX_NODE_VIEW_BYTES)
    throw new CapacityError('what describes this node has grown too large', { node: row.id })
}

function firstRow({ change, id, bytes, at }: Admitted): NodeRow {
  const { parent, parentGen } = keysOf(change.keyRecord)
  return {
    id: change.node,
    parent,
    parentGen,
    gen: 1,
    version: 1,
    head: id,
    deleted: false,
    created: at,
    generations: [at],
    generationBytes: bytes,
    meta: at,
    content: change.manifest === undefined ? undefined : at,
    metaBytes: bytes,
    contentBytes: change.manifest === undefined ? 0 : bytes,
  }
}

/** `checkChange` lets no create pass without them. */
function keysOf(keys: KeyRecord | undefined): KeyRecord {
  if (keys === undefined) throw new InternalError('a node was created without keys')
  return keys
}

function nextRow(tables: SpaceReader, space: Uint8Array, { change, id, bytes, at }: Admitted): NodeRow {
  const row = tables.node(space, change.node)
  if (row === undefined)
    throw new InternalError('the log has a node that the tables lack', { node: change.node })
  const keys = change.keyRecord
  return {
    ...row,
    version: change.version,
    head: id,
    gen: change.gen,
    deleted: change.kind === CHANGE_KIND.delete,
    meta: change.meta === undefined ? row.meta : at,
    content: change.manifest === undefined ? row.content : at,
    metaBytes: change.meta === undefined ? row.metaBytes : bytes,
    contentBytes: change.manifest === undefined ? row.contentBytes : bytes,
    ...(keys === undefined
      ? {}
      : {
          parent: keys.parent,
          parentGen: keys.parentGen,
          generations: [...row.generations, at],
          generationBytes: row.generationBytes + bytes,
        }),
  }
}
