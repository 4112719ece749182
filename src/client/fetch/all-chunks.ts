import { AllmendError } from '../../core/open/errors.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import type { Client } from '../client.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import { BlobReader } from './blob-reader.ts'
import { fileChunks } from './file-content.ts'
import { openContent } from './open-content.ts'

export interface KnownContent {
  readonly chunks: readonly BlobRef[]
  /** Ids of the list blobs that name them. */
  readonly lists: readonly Uint8Array[]
}

/** All chunks of a file's newest content, its lists fetched; undefined when they can't be had now. */
export async function allChunks(client: Client, node: RemoteNode): Promise<KnownContent | undefined> {
  try {
    const manifest = openContent(client, node)
    if (manifest === undefined) return undefined
    const reader = new BlobReader(client, node.space)
    const chunks: BlobRef[] = []
    for await (const { ref } of fileChunks(client, reader, manifest, 0, manifest.size)) chunks.push(ref)
    return { chunks, lists: manifest.lists.map(({ id }) => id) }
  } catch (error) {
    if (error instanceof AllmendError) return undefined
    throw error
  }
}
