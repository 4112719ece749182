import type { Client } from '../client.ts'
import { splitPath } from '../paths.ts'
import type { RemoteEntry } from './remote-entry.ts'
import { remoteEntry } from './remote-entry.ts'

/**
 * One file, folder or symlink; symlinks are not followed.
 *
 * @example
 * (await stat(client, { path: '/home/a.txt' })).size // 12
 *
 * @throws NotFoundError
 */
export async function stat(client: Client, { path }: { readonly path: string }): Promise<RemoteEntry> {
  return remoteEntry(await client.trees.orKept().resolve(path), splitPath(path))
}
