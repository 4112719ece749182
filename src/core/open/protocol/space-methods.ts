/** Spaces and nodes: methods of a tracker, 30 to 34. */
import { signedPromiseField } from '../log/promise.ts'
import { MAX_CHANGE_BYTES } from '../objects/change.ts'
import { MAX_CHANGES, signedOperationField } from '../objects/operation.ts'
import { id, nodeId } from '../objects/suite.ts'
import type { ValueOf } from '../schema.ts'
import { array, bytesUpTo, optional, struct, uint } from '../schema.ts'
import { method } from './method.ts'

/** Spaces of one member: all of them fit one answer. */
export const MAX_SPACES = 256
/** Public lists handed over at once: 4 of 1 MiB fit one message; a longer job sends several. */
const MAX_LISTS_PER_COMMIT = 4
const empty = struct({})

/** A logged operation as a reader needs it: exact bytes, place in the order, time, number of changes. */
export const operationView = struct({
  index: [0, uint()],
  /** Unix milliseconds. */
  time: [1, uint()],
  signed: [2, signedOperationField],
  count: [3, uint(MAX_CHANGES)],
})
export type OperationView = ValueOf<typeof operationView>

/** A change, its operation (a place in the answer's `operations`), its place in it, and the path that proves it. */
export const changeView = struct({
  operation: [0, uint(65_535)],
  place: [1, uint(MAX_CHANGES)],
  change: [2, bytesUpTo(MAX_CHANGE_BYTES)],
  path: [3, array(id, 12)],
})
export type ChangeView = ValueOf<typeof changeView>

/**
 * A node's live state: every change that set a generation (oldest first), the newest change with metadata, the newest with
 * a manifest (files). One change may serve as several.
 */
export const nodeView = struct({
  node: [0, nodeId],
  generations: [1, array(changeView, 1_024)],
  meta: [2, changeView],
  content: [3, optional(changeView)],
  version: [4, uint()],
  head: [5, id],
})
export type NodeView = ValueOf<typeof nodeView>

export const nodesAnswer = struct({
  operations: [0, array(operationView, 65_536)],
  nodes: [1, array(nodeView, 4_096)],
  /** Ask again with this for more; from `get-nodes`, the number of ids dealt with (4 bytes): ask again for the rest. */
  cursor: [2, optional(bytesUpTo(64))],
})
export type NodesAnswer = ValueOf<typeof nodesAnswer>

export const spaceView = struct({
  space: [0, id],
  root: [1, nodeId],
  epoch: [2, uint()],
  genesis: [3, operationView],
  /** The genesis operation's changes. */
  changes: [4, array(bytesUpTo(MAX_CHANGE_BYTES), 16)],
})
export type SpaceView = ValueOf<typeof spaceView>

/** The spaces in which the caller's member has a grant. */
export const listSpaces = method(
  30,
  'list-spaces',
  empty,
  struct({ spaces: [0, array(spaceView, MAX_SPACES)] }),
)

/** Live nodes by id; unknown and deleted ones are left out. */
export const getNodes = method(
  31,
  'get-nodes',
  struct({ space: [0, id], nodes: [1, array(nodeId, 1_024)] }),
  nodesAnswer,
)

/** A folder's live children in the order of their creation, a page at a time. */
export const listChildren = method(
  32,
  'list-children',
  struct({ space: [0, id], node: [1, nodeId], cursor: [2, optional(bytesUpTo(64))] }),
  nodesAnswer,
)

/**
 * Commits an operation (head) with its changes (the body: CBOR array of byte strings). The blobs that its refs name must be
 * sealed or committed already, its lists put.
 */
export const commitOperation = method(
  33,
  'commit-operation',
  struct({
    operation: [0, signedOperationField],
    changes: [1, array(bytesUpTo(MAX_CHANGE_BYTES), MAX_CHANGES)],
  }),
  struct({
    index: [0, uint()],
    time: [1, uint()],
    /** The log's word for it. */
    promise: [2, signedPromiseField],
  }),
)

/** Hands the tracker public lists of blob ids (their whole blobs) that a coming commit's refs name. */
export const putLists = method(
  34,
  'put-lists',
  struct({ space: [0, id], lists: [1, array(bytesUpTo(1024 * 1024 + 64), MAX_LISTS_PER_COMMIT)] }),
  empty,
)
