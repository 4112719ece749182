/**
 * The rules by which one change alters a space (docs/spec/tracker-protocol.md). Each throws before anything is altered:
 * ConflictError where the author's view is old, NotFoundError for what is gone, DeniedError and MalformedError for the rest.
 */
import { compareBytes, equalBytes } from '../../core/open/bytes.ts'
import { CapacityError, ConflictError, DeniedError, MalformedError } from '../../core/open/errors.ts'
import type { Change, ChangeKind, KeyRecord } from '../../core/open/objects/change.ts'
import { CHANGE_KIND, FORM_RANDOM } from '../../core/open/objects/change.ts'
import { rootGrant } from '../../core/open/log/replay/replay-change.ts'
import type { ChangePlace, GrantRow, NodeRow } from '../../ports/tracker-store-spaces.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { SpaceDraft } from './space-draft.ts'

/** Generations of one node: each stays part of its view, and a view must fit an answer. */
export const MAX_GENERATIONS = 1_024
/** Bytes of the changes that make up one node's view, one that serves several times counted each time. */
export const MAX_NODE_VIEW_BYTES = 4_608 * 1024
const NO_PARENT = new Uint8Array(NODE_ID_BYTES)

export interface Applied {
  readonly change: Change
  /** Its exact bytes, their hash, and where they will stand. */
  readonly encoded: Uint8Array
  readonly id: Uint8Array
  readonly at: ChangePlace
}

/** Who holds keys in the space: form 1 keys are sealed to each of them. */
export type LiveGrants = readonly GrantRow[]

/** Applies one change to the draft of an existing space, or one after the first of a genesis. */
export function applyChange(draft: SpaceDraft, applied: Applied, grants: LiveGrants): void {
  const { change } = applied
  if (change.grant !== undefined) throw new MalformedError('only a space’s root carries a grant so far')
  if (change.kind === CHANGE_KIND.create) return createNode(draft, applied, grants)
  const row = draft.get(change.node)
  if (change.version !== row.version + 1 || change.base === undefined || !equalBytes(change.base, row.head))
    throw new ConflictError('this node was changed meanwhile', { node: row.id, version: row.version })
  const kind = change.kind as ChangeKind
  const isNewGeneration = kind === CHANGE_KIND.move || kind === CHANGE_KIND.rotate
  if (change.gen !== row.gen + (isNewGeneration ? 1 : 0))
    throw new ConflictError('this change is for another generation of the node', {
      node: row.id,
      gen: row.gen,
    })
  if (change.manifest !== undefined && row.content === undefined && draft.hasChildren(row.id))
    throw new ConflictError('a folder has no contents', { node: row.id })
  if (isNewGeneration) changeKeys(draft, row, applied, grants)
  else if (kind === CHANGE_KIND.delete) requireSoundAbove(draft, row)
  else draft.requireSound(row.id)
  put(draft, after(row, applied))
}

/** Applies the first change of a genesis: the root, whose author gets every right. Returns its grant. */
export function applyRoot(draft: SpaceDraft, applied: Applied, author: Uint8Array): GrantRow {
  const grant = rootGrant(applied.change, author)
  put(draft, firstRow(applied, NO_PARENT, 0))
  return { ...grant, notAfter: undefined }
}

function createNode(draft: SpaceDraft, applied: Applied, grants: LiveGrants): void {
  const { node, keyRecord: keys } = applied.change
  if (draft.find(node) !== undefined) throw new ConflictError('node ids are used once', { node })
  // `checkChange` lets no create pass without one.
  if (keys === undefined) throw new MalformedError('a new node needs a key record')
  requireParent(draft, keys, node, grants)
  put(draft, firstRow(applied, keys.parent, keys.parentGen))
}

/** A move or a rotate: new keys under the (new) parent's newest ones. */
function changeKeys(draft: SpaceDraft, row: NodeRow, applied: Applied, grants: LiveGrants): void {
  const { change } = applied
  const keys = change.keyRecord
  if (keys === undefined) throw new MalformedError('new keys need a key record')
  if (draft.isRoot(row.id))
    throw new DeniedError("a root's keys change together with its grants, which cannot be yet")
  if (change.gen > MAX_GENERATIONS)
    throw new CapacityError(`a node has at most ${MAX_GENERATIONS} generations`, { node: row.id })
  requireSoundAbove(draft, row)
  if (change.kind === CHANGE_KIND.rotate) {
    if (!equalBytes(keys.parent, row.parent))
      throw new ConflictError('a rotate keeps the parent', { node: row.id, parent: row.parent })
  } else if (draft.isWithin(keys.parent, row.id))
    throw new ConflictError('a folder cannot be moved into itself', { node: row.id })
  requireParent(draft, keys, row.id, grants)
}

function requireParent(draft: SpaceDraft, keys: KeyRecord, node: Uint8Array, grants: LiveGrants): void {
  const parent = draft.get(keys.parent)
  if (parent.content !== undefined) throw new ConflictError('a file has no children', { node: parent.id })
  draft.requireSound(parent.id)
  if (keys.parentGen !== parent.gen)
    throw new ConflictError("these keys come from an old generation of the parent's", {
      node,
      parent: parent.id,
      parentGen: parent.gen,
    })
  if (keys.form === FORM_RANDOM) requireAllSealed(keys, grants)
}

/** Random keys must open for everybody who could open the parent's: one sealed copy for each grant, none else. */
function requireAllSealed(keys: KeyRecord, grants: LiveGrants): void {
  const name = (grantee: Uint8Array, encGen: number) => ({ grantee, encGen })
  const order = (a: ReturnType<typeof name>, b: ReturnType<typeof name>) =>
    compareBytes(a.grantee, b.grantee) || a.encGen - b.encGen
  const sealed = (keys.sealed ?? []).map(([grantee, encGen]) => name(grantee, encGen)).sort(order)
  const wanted = grants.map(({ grantee, encGen }) => name(grantee, encGen)).sort(order)
  if (sealed.length !== wanted.length || sealed.some((entry, i) => order(entry, wanted[i]!) !== 0))
    throw new ConflictError('random keys are sealed to each grantee above, once')
}

/**
 * The node's own edge doesn't count where the change replaces it, or writes nothing under it (a delete): a node is touched once
 * in an operation, so it could not be mended before.
 */
function requireSoundAbove(draft: SpaceDraft, row: NodeRow): void {
  if (!draft.isRoot(row.id)) draft.requireSound(row.parent)
}

/** Takes the row over unless its view would outgrow an answer; throws CapacityError. */
function put(draft: SpaceDraft, row: NodeRow): void {
  if (row.generationBytes + row.metaBytes + row.contentBytes > MAX_NODE_VIEW_BYTES)
    throw new CapacityError('what describes this node has grown too large', { node: row.id })
  draft.put(row)
}

function firstRow({ change, encoded, id, at }: Applied, parent: Uint8Array, parentGen: number): NodeRow {
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
    generationBytes: encoded.length,
    meta: at,
    content: change.manifest === undefined ? undefined : at,
    metaBytes: encoded.length,
    contentBytes: change.manifest === undefined ? 0 : encoded.length,
  }
}

function after(row: NodeRow, { change, encoded, id, at }: Applied): NodeRow {
  const keys = change.keyRecord
  return {
    ...row,
    version: change.version,
    head: id,
    gen: change.gen,
    deleted: change.kind === CHANGE_KIND.delete,
    meta: change.meta === undefined ? row.meta : at,
    content: change.manifest === undefined ? row.content : at,
    metaBytes: change.meta === undefined ? row.metaBytes : encoded.length,
    contentBytes: change.manifest === undefined ? row.contentBytes : encoded.length,
    ...(keys === undefined
      ? {}
      : {
          parent: keys.parent,
          parentGen: keys.parentGen,
          generations: [...row.generations, at],
          generationBytes: row.generationBytes + encoded.length,
        }),
  }
}
