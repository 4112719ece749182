import type { BlobRef } from '../../core/secret/blob.ts'
import type { Client } from '../client.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import { BlobReader } from './blob-reader.ts'
import { fileChunks } from './file-content.ts'
import { openContent } from './open-content.ts'

/** All chunks of a file's newest content, its lists fetched. */
export async function allChunks(client: Client, node: RemoteNode): Promise<readonly BlobRef[]> {
  const manifest = openContent(client, node)
  if (manifest === undefined) return []
  const reader = new BlobReader(client, node.space)
  const chunks: BlobRef[] = []
  for await (const { ref } of fileChunks(client, reader, manifest, 0, manifest.size)) chunks.push(ref)
  return chunks
}
