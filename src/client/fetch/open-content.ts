import { UntrustedError } from '../../core/open/errors.ts'
import type { Manifest } from '../../core/secret/manifest.ts'
import { openManifest } from '../../core/secret/manifest.ts'
import type { Client } from '../client.ts'
import type { RemoteNode } from '../tree/remote-node.ts'

/** The manifest of a file's newest content, or undefined for what isn't a file; throws UntrustedError when it doesn't open. */
export function openContent(client: Client, node: RemoteNode): Manifest | undefined {
  if (node.content === undefined) return undefined
  const { change, operation } = node.content
  const keys = node.keys.get(change.gen)
  if (keys === undefined || change.manifest === undefined)
    throw new UntrustedError('content of a generation that the node never had')
  const manifest = openManifest(
    client.primitives,
    keys,
    {
      pool: client.identity.pool,
      space: node.space.id,
      node: node.id,
      gen: change.gen,
      version: change.version,
      device: operation.device,
    },
    change.manifest,
  )
  // Every change with contents says their length anew in its metadata: its author may have lied in either.
  if (manifest.size !== node.metadata.size)
    throw new UntrustedError('contents of another length than the newest metadata says')
  return manifest
}
