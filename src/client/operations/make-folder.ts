import { ConflictError, UsageError } from '../../core/open/errors.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import { joinPath, splitPath } from '../paths.ts'
import { freshen } from '../tree/freshen.ts'
import type { Folder, NewChange } from '../tree/node-changes.ts'
import { createChange, folderOf } from '../tree/node-changes.ts'

export interface MakeFolderParameters {
  readonly path: string
  /** Makes what is missing above it too, and doesn't mind when it is there. */
  readonly parents?: boolean
}

/**
 * Makes a folder.
 *
 * @example
 * await makeFolder(client, { path: '/home/photos/2026', parents: true })
 *
 * @throws ConflictError when something is there, NotFoundError when the folder above isn't.
 */
export async function makeFolder(client: Client, parameters: MakeFolderParameters): Promise<void> {
  const { path, parents = false } = parameters
  const names = splitPath(path)
  if (names.length < 2)
    throw new UsageError(
      'a folder is made inside of a space, like /home/notes; a space of its own comes with sharing',
      {
        path,
      },
    )
  const existing = await client.trees.find(path)
  if (existing !== undefined) {
    if (parents && existing.metadata.kind === 'folder') return
    throw new ConflictError(`${path} is there already: a ${existing.metadata.kind}`, { path })
  }
  // The deepest folder that exists; without `parents` it must be the one right above.
  let depth = names.length - 1
  if (parents)
    while (depth > 1 && (await client.trees.find(joinPath(names.slice(0, depth)))) === undefined) depth--
  const above = await client.trees.resolve(joinPath(names.slice(0, depth)))
  if (above.metadata.kind !== 'folder')
    throw new ConflictError(`${joinPath(names.slice(0, depth))} is a ${above.metadata.kind}, not a folder`, {
      path,
    })

  const changes: NewChange[] = []
  let parent: Folder = folderOf(await freshen(client, above))
  for (const name of names.slice(depth)) {
    const change = createChange(client, parent, folderMetadata(client, name))
    changes.push(change)
    parent = { space: parent.space, id: change.node, gen: change.gen, keys: change.keys }
  }
  await commit(client, above.space, changes)
  client.trees.forget()
}

/** Metadata of a folder made now. */
export function folderMetadata(client: Pick<Client, 'clock'>, name: string): Metadata {
  const now = client.clock.now()
  return {
    kind: 'folder',
    name,
    size: 0,
    mtimeSeconds: Math.floor(now / 1_000),
    mtimeNanoseconds: (now % 1_000) * 1_000_000,
    mode: 0o755,
  }
}
