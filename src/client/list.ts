import { compareBytes, utf8 } from '../core/open/bytes.ts'
import type { Client } from './client.ts'
import { splitPath } from './paths.ts'
import type { RemoteEntry } from './remote-entry.ts'
import { remoteEntry } from './remote-entry.ts'
import type { RemoteNode } from './tree/remote-node.ts'

export interface ListParameters {
  /** A folder lists its content, anything else itself; `/` lists the spaces. */
  readonly path: string
  readonly recursive?: boolean
}

/**
 * Lists a folder, names in byte order; recursively, each folder is followed by its content.
 *
 * @example
 * for await (const entry of list(client, { path: '/home' })) console.log(entry.path)
 *
 * @throws NotFoundError
 */
export async function* list(
  client: Client,
  { path, recursive = false }: ListParameters,
): AsyncGenerator<RemoteEntry> {
  const names = splitPath(path)
  if (names.length === 0) {
    for (const [name, root] of await client.trees.roots()) {
      yield remoteEntry(root, [name])
      if (recursive) yield* content(client, root, [name], true)
    }
    return
  }
  const node = await client.trees.resolve(path)
  if (node.metadata.kind === 'folder') yield* content(client, node, names, recursive)
  else yield remoteEntry(node, names)
}

async function* content(
  client: Client,
  folder: RemoteNode,
  names: readonly string[],
  recursive: boolean,
): AsyncGenerator<RemoteEntry> {
  const { byName, conflicts } = await client.trees.children(folder)
  const all = [
    ...[...byName.values()].map((node) => ({ node, conflict: false })),
    ...conflicts.map((node) => ({ node, conflict: true })),
  ].map((item) => ({ ...item, sortKey: utf8(item.node.metadata.name) }))
  all.sort((a, b) => compareBytes(a.sortKey, b.sortKey))
  for (const { node, conflict } of all) {
    const path = [...names, node.metadata.name]
    yield remoteEntry(node, path, conflict)
    if (recursive && !conflict && node.metadata.kind === 'folder') yield* content(client, node, path, true)
  }
}
