import { UsageError } from '../../core/open/errors.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import { splitPath } from '../paths.ts'
import { freshen } from '../tree/freshen.ts'
import { deleteChange } from '../tree/node-changes.ts'

export interface RemoveParameters {
  readonly path: string
  /** Needed for a folder that holds something. */
  readonly recursive?: boolean
}

/**
 * Removes a name at once; what it stood for stays in the pool until garbage is collected.
 *
 * @example
 * await remove(client, { path: '/home/old', recursive: true })
 *
 * @throws NotFoundError; UsageError for a folder that isn't empty without `recursive`.
 */
export async function remove(client: Client, { path, recursive = false }: RemoveParameters): Promise<void> {
  if (splitPath(path).length < 2) throw new UsageError('a space itself is not removed', { path })
  const node = await client.trees.resolve(path)
  if (node.metadata.kind === 'folder' && !recursive) {
    const { byName } = await client.trees.children(node)
    if (byName.size > 0)
      throw new UsageError(`${path} is a folder with ${byName.size} entries; remove it with -r`, {
        path,
        entries: byName.size,
      })
  }
  const fresh = await freshen(client, node)
  await commit(client, node.space, [deleteChange(fresh)])
  client.trees.forget()
}
