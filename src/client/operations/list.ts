import { compareBytes, utf8 } from '../../core/open/bytes.ts'
import type { Client } from '../client.ts'
import { splitPath } from '../paths.ts'
import type { RemoteEntry } from './remote-entry.ts'
import { remoteEntry } from './remote-entry.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import type { Trees } from '../tree/trees.ts'

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
  const trees = client.trees.orKept()
  const names = splitPath(path)
  if (names.length === 0) {
    for (const [name, root] of await trees.roots()) {
      yield remoteEntry(root, [name])
      if (recursive) yield* content(trees, root, [name], true)
    }
    return
  }
  const node = await trees.resolve(path)
  if (node.metadata.kind === 'folder') yield* content(trees, node, names, recursive)
  else yield remoteEntry(node, names)
}

async function* content(
  trees: Trees,
  folder: RemoteNode,
  names: readonly string[],
  recursive: boolean,
): AsyncGenerator<RemoteEntry> {
  const { byName, conflicts } = await trees.children(folder)
  const all = [
    ...[...byName.values()].map((node) => ({ node, conflict: false })),
    ...conflicts.map((node) => ({ node, conflict: true })),
  ].map((item) => ({ ...item, sortKey: utf8(item.node.metadata.name) }))
  all.sort((a, b) => compareBytes(a.sortKey, b.sortKey))
  for (const { node, conflict } of all) {
    const path = [...names, node.metadata.name]
    yield remoteEntry(node, path, conflict)
    if (recursive && !conflict && node.metadata.kind === 'folder') yield* content(trees, node, path, true)
  }
}
