/** Builds the changes of a space's nodes: encoded, boxed for their place, ready to be committed. */
import type { Change, Grant, KeyRecord, Refs } from '../../core/open/objects/change.ts'
import { CHANGE_KIND, changeCodec, changeId, FORM_DERIVED } from '../../core/open/objects/change.ts'
import { NODE_ID_BYTES } from '../../core/open/objects/suite.ts'
import type { NodeKeys } from '../../core/secret/key-tree.ts'
import { childKeys, sealBack } from '../../core/secret/key-tree.ts'
import type { Manifest } from '../../core/secret/manifest.ts'
import { sealManifest } from '../../core/secret/manifest.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import { sealMetadata } from '../../core/secret/metadata.ts'
import type { Client } from '../client.ts'
import type { RemoteNode } from './remote-node.ts'
import { currentKeys } from './remote-node.ts'
import type { Space } from './space.ts'

/** A folder as a place for new nodes: it may itself be in the same operation. */
export interface Folder {
  readonly space: Pick<Space, 'id'>
  readonly id: Uint8Array
  readonly gen: number
  readonly keys: NodeKeys
}

export interface Content {
  readonly manifest: Manifest
  readonly refs: Refs
}

/** A change ready to be committed, and what its author remembers it by until the log has shown it. */
export interface NewChange {
  readonly encoded: Uint8Array
  readonly node: Uint8Array
  readonly kind: Change['kind']
  /** Where its key record places the node; undefined where it has none. */
  readonly parent: Uint8Array | undefined
}

export interface EncodedChange extends NewChange {
  readonly gen: number
  readonly version: number
  readonly keys: NodeKeys
}

export function folderOf(node: RemoteNode): Folder {
  return { space: node.space, id: node.id, gen: node.gen, keys: currentKeys(node) }
}

/** A new file, folder or symlink in `parent`. */
export function createChange(
  client: Client,
  parent: Folder,
  metadata: Metadata,
  content?: Content,
): EncodedChange {
  const node = client.random.bytes(NODE_ID_BYTES)
  const keys = childKeys(client.primitives, parent.keys, parent.space.id, node, 1)
  const keyRecord = { parent: parent.id, parentGen: parent.gen, form: FORM_DERIVED } as const
  return encode(client, parent.space.id, keys, metadata, content, {
    kind: CHANGE_KIND.create,
    node,
    version: 1,
    gen: 1,
    keyRecord,
  })
}

/** The root of a new space, with random keys and the creator's grant; boxes name the space as zeros. */
export function createRootChange(
  client: Client,
  zeroSpace: Uint8Array,
  node: Uint8Array,
  keys: NodeKeys,
  keyRecord: KeyRecord,
  grant: Grant,
  metadata: Metadata,
): EncodedChange {
  return encode(client, zeroSpace, keys, metadata, undefined, {
    kind: CHANGE_KIND.create,
    node,
    version: 1,
    gen: 1,
    keyRecord,
    grant,
  })
}

/** New content for a file. */
export function writeChange(
  client: Client,
  node: RemoteNode,
  metadata: Metadata,
  content: Content,
): EncodedChange {
  return encode(client, node.space.id, currentKeys(node), metadata, content, {
    ...next(node),
    kind: CHANGE_KIND.write,
    gen: node.gen,
  })
}

/** New metadata: a rename within its folder, other times or mode. */
export function metaChange(client: Client, node: RemoteNode, metadata: Metadata): EncodedChange {
  return encode(client, node.space.id, currentKeys(node), metadata, undefined, {
    ...nextWithContent(node),
    kind: CHANGE_KIND.meta,
    gen: node.gen,
  })
}

/** A new generation under `parent`: a move to another folder, or (same parent) the rotation that mends a stale edge. */
export function moveChange(
  client: Client,
  node: RemoteNode,
  kind: typeof CHANGE_KIND.move | typeof CHANGE_KIND.rotate,
  parent: Folder,
  metadata: Metadata,
): EncodedChange {
  const { primitives, random, identity } = client
  const space = node.space.id
  const gen = node.gen + 1
  const keys = childKeys(primitives, parent.keys, space, node.id, gen)
  const place = { pool: identity.pool, space, node: node.id, gen }
  const back = sealBack(primitives, random, place, keys, node.gen, currentKeys(node))
  return encode(client, space, keys, metadata, undefined, {
    ...nextWithContent(node),
    kind,
    gen,
    keyRecord: { parent: parent.id, parentGen: parent.gen, form: FORM_DERIVED, ...back },
  })
}

export function deleteChange(node: RemoteNode): NewChange {
  const change = { ...nextWithContent(node), kind: CHANGE_KIND.delete, gen: node.gen }
  return { encoded: changeCodec.encode(change), node: node.id, kind: change.kind, parent: undefined }
}

/** Where a node stands after one of these changes: what the next one builds on. */
export function nodeAfter(
  client: Client,
  node: RemoteNode,
  change: EncodedChange,
  metadata: Metadata,
): RemoteNode {
  return {
    ...node,
    version: change.version,
    head: changeId(client.primitives, change.encoded),
    gen: change.gen,
    keys: new Map([...node.keys, [change.gen, change.keys]]),
    metadata,
  }
}

function next(node: RemoteNode): Pick<Change, 'node' | 'version' | 'base'> {
  return { node: node.id, version: node.version + 1, base: node.head }
}

/** The next change of a node whose contents stay: it names them. */
function nextWithContent(node: RemoteNode): Pick<Change, 'node' | 'version' | 'base' | 'content'> {
  return { ...next(node), ...(node.content === undefined ? {} : { content: node.content.id }) }
}

function encode(
  client: Client,
  space: Uint8Array,
  keys: NodeKeys,
  metadata: Metadata,
  content: Content | undefined,
  change: Change,
): EncodedChange {
  const { primitives, random, identity } = client
  const place = {
    pool: identity.pool,
    space,
    node: change.node,
    gen: change.gen,
    version: change.version,
    device: identity.device.deviceId,
  }
  const encoded = changeCodec.encode({
    ...change,
    meta: sealMetadata(primitives, keys, place, metadata, random.bytes(32)),
    ...(content === undefined
      ? {}
      : {
          manifest: sealManifest(primitives, keys, place, content.manifest, random.bytes(32)),
          refs: content.refs,
        }),
  })
  const { node, kind, gen, version, keyRecord } = change
  return { encoded, node, kind, parent: keyRecord?.parent, gen, version, keys }
}
