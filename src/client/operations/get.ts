import { UsageError } from '../../core/open/errors.ts'
import type { Client } from '../client.ts'
import { downloadNodes } from '../download/tree-download.ts'
import { checkDistinct } from '../paths.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import type { GetParameters, GetResult } from './get-parameters.ts'
import { targetOf } from './get-target.ts'

export type { GetFailure, GetParameters, GetProgress, GetResult } from './get-parameters.ts'

/**
 * Fetches files and folders into the local file system; every file appears whole and verified or not at all.
 *
 * @example
 * await get(client, { sources: ['/home/photos'], target: 'photos' })
 *
 * @throws NotFoundError, UsageError; failures of single files are in the result's `failed`.
 */
export async function get(client: Client, parameters: GetParameters): Promise<GetResult> {
  const { sources } = parameters
  if (sources.length === 0) throw new UsageError('name at least one remote file or folder')
  const trees = client.trees.orKept()
  const nodes: { node: RemoteNode; path: string }[] = []
  for (const path of sources) nodes.push({ node: await trees.resolve(path), path })
  checkDistinct(nodes.map(({ node }) => node.metadata.name))
  const { folder, name } = await targetOf(client.files, parameters.target, nodes.length)
  const named = nodes.map(({ node, path }) => ({
    node,
    path: path.replace(/\/+$/, ''),
    name: name ?? node.metadata.name,
  }))
  return downloadNodes(client, trees, named, folder, parameters)
}
