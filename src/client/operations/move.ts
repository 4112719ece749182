import { equalBytes } from '../../core/open/bytes.ts'
import { ConflictError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { CHANGE_KIND } from '../../core/open/objects/change.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import { joinPath, splitPath } from '../paths.ts'
import { freshen } from '../tree/freshen.ts'
import { folderOf, metaChange, moveChange } from '../tree/node-changes.ts'

export interface MoveParameters {
  readonly from: string
  /** An existing folder takes it in; else it is the new path. */
  readonly to: string
}

/**
 * Moves or renames a file or folder within its space; takes the same time whatever is in it.
 *
 * @example
 * await move(client, { from: '/home/draft.md', to: '/home/archive/' })
 *
 * @throws NotFoundError, ConflictError when something has that name or the folder would be inside of itself.
 */
export async function move(client: Client, { from, to }: MoveParameters): Promise<void> {
  const fromNames = splitPath(from)
  const toNames = splitPath(to)
  if (fromNames.length < 2) throw new UsageError('a space itself is not moved', { from })
  if (toNames.length === 0)
    throw new UsageError('everything lives in a space: move it to /home/, for example', { to })
  const source = await client.trees.resolve(from)
  const existing = await client.trees.find(to)
  const into = existing?.metadata.kind === 'folder'
  if (!into && to.endsWith('/')) throw new NotFoundError(`${to} is no folder`, { path: to })
  const destination = into
    ? existing
    : toNames.length < 2
      ? undefined
      : await client.trees.resolve(joinPath(toNames.slice(0, -1)))
  if (destination === undefined || destination.metadata.kind !== 'folder')
    throw new NotFoundError(`${to}: there is no such folder`, { path: to })
  const name = into ? source.metadata.name : toNames.at(-1)!
  if (!equalBytes(destination.space.id, source.space.id))
    throw new UsageError(
      'moving between spaces would need new keys for everything: get it and put it there instead',
      {
        from,
        to,
      },
    )
  const taken = (await client.trees.children(destination)).byName.get(name)
  if (taken !== undefined) {
    if (equalBytes(taken.id, source.id)) return
    throw new ConflictError(`${name} is in that folder already; remove it first or choose another name`, {
      path: to,
    })
  }
  for (let at: typeof destination | undefined = destination; at !== undefined; at = at.parent)
    if (equalBytes(at.id, source.id))
      throw new ConflictError('a folder can not be moved into itself', { from, to })

  const metadata = { ...source.metadata, name }
  const freshDestination = await freshen(client, destination)
  // Freshening may have rotated a folder above the source as well: read it again.
  const fresh = await freshen(client, await client.trees.resolve(from))
  const sameFolder = fresh.parent !== undefined && equalBytes(fresh.parent.id, freshDestination.id)
  const change = sameFolder
    ? metaChange(client, fresh, metadata)
    : moveChange(client, fresh, CHANGE_KIND.move, folderOf(freshDestination), metadata)
  await commit(client, source.space, [change])
  client.trees.forget()
}
