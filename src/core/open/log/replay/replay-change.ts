/**
 * The rules by which one change alters a space (SECURITY.md section 4): base and version, generation, placement, staleness, right.
 * ConflictError where the author's view is old, NotFoundError for what is gone, DeniedError and MalformedError for the rest.
 */
import { compareBytes, equalBytes } from '../../bytes.ts'
import { ConflictError, DeniedError, MalformedError } from '../../errors.ts'
import type { Change, KeyRecord } from '../../objects/change.ts'
import { ALL_RIGHTS, CHANGE_KIND, FORM_RANDOM, RIGHT } from '../../objects/change.ts'
import { NODE_ID_BYTES } from '../../objects/suite.ts'
import type { Replay } from './replay.ts'
import { requireRight } from './require-right.ts'
import type { GrantState, NodeState } from './rows.ts'
import type { SpaceDraft } from './space-draft.ts'

const NO_PARENT = new Uint8Array(NODE_ID_BYTES)

/** The first change of a genesis: the root and a grant of everything to the author. Gives that grant. */
export function rootGrant(change: Change, author: Uint8Array): GrantState {
  const { grant, keyRecord: keys } = change
  if (change.kind !== CHANGE_KIND.create || keys === undefined || grant === undefined)
    throw new MalformedError('a space begins with the creation of its root and a grant of it')
  if (!equalBytes(keys.parent, NO_PARENT) || keys.parentGen !== 0)
    throw new MalformedError('the root of a space has no parent')
  if (keys.form !== FORM_RANDOM || keys.commitments === undefined || (keys.sealed?.length ?? 0) > 0)
    throw new MalformedError('the root has random keys, which its grants carry')
  if (change.manifest !== undefined) throw new MalformedError('the root of a space is a folder')
  if (!equalBytes(grant.node, change.node) || grant.gen !== change.gen)
    throw new MalformedError('the first grant is of the root')
  if (!equalBytes(grant.grantee, author) || grant.rights !== ALL_RIGHTS || grant.via !== undefined)
    throw new DeniedError('the first grant gives every right to the author, by nobody')
  if (grant.notAfter !== undefined) throw new MalformedError('the first grant does not end')
  if (
    !equalBytes(grant.commitments.mk, keys.commitments.mk) ||
    !equalBytes(grant.commitments.ck, keys.commitments.ck)
  )
    throw new MalformedError("the grant commits to other keys than the root's")
  const { id, node, gen, grantee, encGen, rights } = grant
  return { id, node, gen, grantee, encGen, rights }
}

/** Puts the root's row. */
export function putRoot(replay: Replay, draft: SpaceDraft, change: Change, head: Uint8Array): void {
  put(replay, draft, change, firstRow(change, head, NO_PARENT, 0))
}

/** Who makes a change. */
export interface Author {
  /** What gives the right to. */
  readonly grant: GrantState
  /** Whether there was no log yet that the author could have seen: such changes don't name contents. */
  readonly isBeforeLog: boolean
}

/** Applies one change, whose id is `head`. */
export function replayChange(
  replay: Replay,
  draft: SpaceDraft,
  { grant, isBeforeLog }: Author,
  change: Change,
  head: Uint8Array,
): void {
  if (change.grant !== undefined) throw new MalformedError('only a space’s root carries a grant so far')
  if (change.kind === CHANGE_KIND.create) return createNode(replay, draft, grant, change, head)
  const row = draft.get(change.node)
  if (change.version !== row.version + 1 || change.base === undefined || !equalBytes(change.base, row.head))
    throw new ConflictError('this node was changed meanwhile', { node: change.node, version: row.version })
  const isNewGeneration = change.kind === CHANGE_KIND.move || change.kind === CHANGE_KIND.rotate
  if (change.gen !== row.gen + (isNewGeneration ? 1 : 0))
    throw new ConflictError('this change is for another generation of the node', {
      node: change.node,
      gen: row.gen,
    })
  if (change.manifest !== undefined && (row.isFolder || draft.isRoot(change.node)))
    throw new ConflictError('a folder has no contents', { node: change.node })
  if (change.manifest === undefined) requireContent(row, change, isBeforeLog)
  if (isNewGeneration) changeKeys(draft, grant, row, change)
  else if (change.kind === CHANGE_KIND.delete) {
    requireRight(draft, grant, change.node, RIGHT.delete)
    requireSoundAbove(draft, change.node, row)
  } else {
    requireRight(draft, grant, change.node, RIGHT.write)
    draft.requireSound(change.node)
  }
  put(replay, draft, change, after(row, change, head), row)
}

/** What a change without contents of its own names must be the node's, and nothing where it has none. */
function requireContent({ content }: NodeState, change: Change, isBeforeLog: boolean): void {
  const named = change.content
  if (named === undefined && (content === undefined || isBeforeLog)) return
  if (named === undefined || content === undefined || !equalBytes(named, content))
    throw new ConflictError("this change names other contents than the node's", { node: change.node })
}

function createNode(
  replay: Replay,
  draft: SpaceDraft,
  grant: GrantState,
  change: Change,
  head: Uint8Array,
): void {
  const { node, keyRecord: keys } = change
  if (draft.find(node) !== undefined) throw new ConflictError('node ids are used once', { node })
  // `checkChange` lets no create pass without one.
  if (keys === undefined) throw new MalformedError('a new node needs a key record')
  requireParent(draft, keys, node)
  requireRight(draft, grant, keys.parent, RIGHT.write)
  put(replay, draft, change, firstRow(change, head, keys.parent, keys.parentGen))
}

/** A move or a rotate: new keys under the (new) parent's newest ones. */
function changeKeys(draft: SpaceDraft, grant: GrantState, row: NodeState, change: Change): void {
  const { node, keyRecord: keys } = change
  if (keys === undefined) throw new MalformedError('new keys need a key record')
  if (draft.isRoot(node))
    throw new DeniedError("a root's keys change together with its grants, which cannot be yet")
  requireSoundAbove(draft, node, row)
  if (change.kind === CHANGE_KIND.rotate) {
    if (!equalBytes(keys.parent, row.parent))
      throw new ConflictError('a rotate keeps the parent', { node, parent: row.parent })
    requireRight(draft, grant, node, RIGHT.write, RIGHT.share)
  } else {
    if (draft.isWithin(keys.parent, node))
      throw new ConflictError('a folder cannot be moved into itself', { node })
    requireRight(draft, grant, node, RIGHT.delete)
    requireRight(draft, grant, keys.parent, RIGHT.write)
  }
  requireParent(draft, keys, node)
}

function requireParent(draft: SpaceDraft, keys: KeyRecord, node: Uint8Array): void {
  const parent = draft.get(keys.parent)
  if (parent.content !== undefined) throw new ConflictError('a file has no children', { node: keys.parent })
  draft.requireSound(keys.parent)
  if (keys.parentGen !== parent.gen)
    throw new ConflictError("these keys come from an old generation of the parent's", {
      node,
      parent: keys.parent,
      parentGen: parent.gen,
    })
  if (keys.form === FORM_RANDOM) requireAllSealed(draft, keys)
}

/** Random keys must open for everybody who could open the parent's: one sealed copy for each grant, none else. */
function requireAllSealed({ grants }: SpaceDraft, keys: KeyRecord): void {
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
function requireSoundAbove(draft: SpaceDraft, node: Uint8Array, row: NodeState): void {
  if (!draft.isRoot(node)) draft.requireSound(row.parent)
}

/** Takes a row over and touches the map: the placement when it changed, the newest version where it stands and stood. */
function put(replay: Replay, draft: SpaceDraft, change: Change, row: NodeState, before?: NodeState): void {
  const { primitives } = replay
  draft.put(change.node, row)
  if (change.keyRecord !== undefined || row.deleted) replay.touch(draft.placementKey(primitives, change.node))
  if (before !== undefined && !equalBytes(before.parent, row.parent))
    replay.touch(draft.versionKey(primitives, before.parent, change.node), true)
  replay.touch(draft.versionKey(primitives, row.parent, change.node), row.deleted)
}

function firstRow(change: Change, head: Uint8Array, parent: Uint8Array, parentGen: number): NodeState {
  return {
    parent,
    parentGen,
    gen: 1,
    version: 1,
    head,
    deleted: false,
    content: change.manifest === undefined ? undefined : head,
    isFolder: false,
  }
}

function after(row: NodeState, change: Change, head: Uint8Array): NodeState {
  const keys = change.keyRecord
  return {
    ...row,
    version: change.version,
    head,
    gen: change.gen,
    deleted: change.kind === CHANGE_KIND.delete,
    content: change.manifest === undefined ? row.content : head,
    ...(keys === undefined ? {} : { parent: keys.parent, parentGen: keys.parentGen }),
  }
}
