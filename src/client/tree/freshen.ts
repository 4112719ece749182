import { CHANGE_KIND } from '../../core/open/objects/change.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import type { NewChange } from './node-changes.ts'
import { folderOf, moveChange, nodeAfter } from './node-changes.ts'
import type { RemoteNode } from './remote-node.ts'

/**
 * The node with every edge above it fresh: after a folder was moved, the nodes below still take their keys from its old
 * generation; who writes there first rotates them, from the top down, in one operation.
 */
export async function freshen(client: Client, node: RemoteNode): Promise<RemoteNode> {
  const path: RemoteNode[] = []
  for (let at: RemoteNode | undefined = node; at !== undefined; at = at.parent) path.unshift(at)
  const changes: NewChange[] = []
  let above: RemoteNode | undefined
  for (const old of path) {
    let fresh: RemoteNode = above === old.parent || above === undefined ? old : { ...old, parent: above }
    if (above !== undefined && old.parentGen !== above.gen) {
      const change = moveChange(client, old, CHANGE_KIND.rotate, folderOf(above), old.metadata)
      changes.push(change)
      fresh = { ...nodeAfter(client, old, change, old.metadata), parent: above, parentGen: above.gen }
    }
    above = fresh
  }
  if (changes.length === 0) return node
  await commit(client, node.space, changes)
  client.trees.forget()
  return above ?? node
}
