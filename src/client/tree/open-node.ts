import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { CHANGE_KIND, FORM_RANDOM } from '../../core/open/objects/change.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { ChangeView, NodeView, OperationView } from '../../core/open/protocol/tracker-methods.ts'
import type { NodeKeys } from '../../core/secret/key-tree.ts'
import { checkCommitments, childKeys, openBack } from '../../core/secret/key-tree.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import { openMetadata } from '../../core/secret/metadata.ts'
import type { RemoteNode } from './remote-node.ts'
import type { Space } from './space.ts'
import type { NodeVerifier, VerifiedChange } from './verified-changes.ts'

const NO_PARENT = new Uint8Array(NODE_ID_BYTES)

/**
 * Verifies and opens one node that the tracker served as a child of `parent` (or as the root). Throws UntrustedError when
 * anything about it doesn't hold: author, place, keys, commitments, metadata.
 */
export async function openNode(
  primitives: Primitives,
  pool: Uint8Array,
  verifier: NodeVerifier,
  space: Space,
  parent: RemoteNode | undefined,
  view: NodeView,
  operations: readonly OperationView[],
): Promise<RemoteNode> {
  // One change often serves as generation, metadata and content: it is verified once.
  const verified = new Map<string, VerifiedChange>()
  const verify = async (change: ChangeView): Promise<VerifiedChange> => {
    const key = `${change.operation} ${change.place}`
    const known = verified.get(key)
    if (known !== undefined && equalBytes(known.encoded, change.change)) return known
    const fresh = await verifier.change(change, operations, space)
    verified.set(key, fresh)
    return fresh
  }
  const generations: VerifiedChange[] = []
  for (const change of view.generations) generations.push(await verify(change))
  const meta = await verify(view.meta)
  const content = view.content === undefined ? undefined : await verify(view.content)
  const first = generations[0]
  const last = generations.at(-1)
  if (first === undefined || last === undefined || first.change.kind !== CHANGE_KIND.create)
    throw new UntrustedError('a node whose creation was not served')
  for (const { change } of [...generations, meta, ...(content === undefined ? [] : [content])])
    if (!equalBytes(change.node, view.node)) throw new UntrustedError("another node's change was served")
  checkNewest(view, generations, meta, content)
  checkContent(meta, content)

  const keys = nodeKeys(primitives, pool, space, parent, view.node, generations)
  const metaKeys = keys.get(meta.change.gen)
  if (metaKeys === undefined || meta.change.meta === undefined)
    throw new UntrustedError('metadata of a generation that the node never had')
  return {
    space,
    id: view.node,
    parent,
    version: view.version,
    head: view.head,
    gen: last.change.gen,
    keys,
    parentGen: last.change.keyRecord?.parentGen ?? 0,
    metadata: openMetadataOf(primitives, pool, metaKeys, meta),
    changed: meta.time,
    content,
    index: first.index,
    place: first.place,
  }
}

function openMetadataOf(
  primitives: Primitives,
  pool: Uint8Array,
  keys: NodeKeys,
  { change, operation }: VerifiedChange,
): Metadata {
  return openMetadata(
    primitives,
    keys,
    {
      pool,
      // The genesis operation's own boxes were made before the space had an id.
      space: operation.space,
      node: change.node,
      gen: change.gen,
      version: change.version,
      device: operation.device,
    },
    change.meta ?? new Uint8Array(0),
  )
}

/**
 * The newest change of a live node always carries metadata: so `meta` must be the one that the node's head and version name, of
 * the newest generation, and nothing else newer. A tracker that serves an old change beside a newer one shows itself here.
 */
function checkNewest(
  view: NodeView,
  generations: readonly VerifiedChange[],
  meta: VerifiedChange,
  content: VerifiedChange | undefined,
): void {
  const { version, gen } = meta.change
  const served = [...new Set([...generations, meta, ...(content === undefined ? [] : [content])])]
  const ids = new Map<number, Uint8Array>()
  for (const { change, id } of served) {
    if (!equalBytes(ids.get(change.version) ?? id, id))
      throw new UntrustedError('two changes of a node were served as the same version')
    ids.set(change.version, id)
  }
  const isNewest =
    version === view.version &&
    equalBytes(ids.get(version)!, view.head) &&
    gen === generations.at(-1)?.change.gen &&
    served.every(
      ({ change }) =>
        change.version <= version &&
        (change.manifest === undefined || change.version <= (content?.change.version ?? 0)) &&
        follows(change.base, ids.get(change.version - 1)),
    )
  if (!isNewest) throw new UntrustedError('an older change of a node was served as its newest')
}

/**
 * The newest change, which the map names, either has contents itself or names those that the node has: no later `write` can be kept
 * back behind a rename, and none that the log never took be put in. What was written before the pool kept a log names none.
 */
function checkContent(newest: VerifiedChange, content: VerifiedChange | undefined): void {
  const { change, operation } = newest
  const named = change.manifest === undefined ? change.content : newest.id
  if (named === undefined && (content === undefined || operation.head.size === 0)) return
  if (named === undefined || content === undefined || !equalBytes(named, content.id))
    throw new UntrustedError('other contents of a node were served than its newest change names')
  if (content.change.manifest === undefined)
    throw new UntrustedError('a change without contents was served as that with the newest')
}

/** Whether a change names the one right before it as its base, where that one was served. */
function follows(base: Uint8Array | undefined, before: Uint8Array | undefined): boolean {
  return before === undefined || (base !== undefined && equalBytes(base, before))
}

/** The node's keys by generation: derived from the parent (or the grant, for a root), older ones through the back boxes. */
function nodeKeys(
  primitives: Primitives,
  pool: Uint8Array,
  space: Space,
  parent: RemoteNode | undefined,
  node: Uint8Array,
  generations: readonly VerifiedChange[],
): Map<number, NodeKeys> {
  const keys = new Map<number, NodeKeys>()
  const newest = generations.at(-1)!
  const record = newest.change.keyRecord
  if (record === undefined) throw new UntrustedError('a generation without a key record')
  if (!equalBytes(record.parent, parent?.id ?? NO_PARENT))
    throw new UntrustedError('a node was served in a folder that it is not in')
  const { gen } = newest.change
  if (parent === undefined) {
    if (record.form !== FORM_RANDOM || record.commitments === undefined || gen !== space.rootGen)
      throw new UntrustedError("a root whose keys are not its grant's")
    checkCommitments(primitives, space.rootKeys, record.commitments)
    keys.set(gen, space.rootKeys)
  } else {
    const parentKeys = parent.keys.get(record.parentGen)
    if (parentKeys === undefined || record.form === FORM_RANDOM)
      throw new UntrustedError("a node's keys come from a generation that its folder never had")
    keys.set(gen, childKeys(primitives, parentKeys, space.id, node, gen))
  }
  for (let i = generations.length - 1; i > 0; i--) {
    const { change } = generations[i]!
    const older = generations[i - 1]!.change.gen
    const boxes = change.keyRecord
    const newer = keys.get(change.gen)
    if (
      older !== change.gen - 1 ||
      newer === undefined ||
      boxes?.backMk === undefined ||
      boxes.backCk === undefined
    )
      throw new UntrustedError("a node's generations are not in order")
    keys.set(
      older,
      openBack(primitives, { pool, space: space.id, node, gen: change.gen }, newer, older, {
        backMk: boxes.backMk,
        backCk: boxes.backCk,
      }),
    )
  }
  return keys
}
