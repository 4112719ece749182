import { AllmendError } from '../../core/open/errors.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import type { Client } from '../client.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import { BlobReader } from './blob-reader.ts'
import { fileChunks } from './file-content.ts'
import { openContent } from './open-content.ts'

/** All chunks of a file's newest content, its lists fetched; undefined when they can't be had now. */
export async function allChunks(client: Client, node: RemoteNode): Promise<readonly BlobRef[] | undefined> {
  try {
    const manifest = openContent(client, node)
    if (manifest === undefined) return undefined
    const reader = new BlobReader(client, node.space)
    const chunks: BlobRef[] = []
    for await (const { ref } of fileChunks(client, reader, manifest, 0, manifest.size)) chunks.push(ref)
    return chunks
  } catch (error) {
    if (error instanceof AllmendError) return undefined
    throw error
  }
}
