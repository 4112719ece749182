import { toHex } from '../../core/open/bytes.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import type { Manifest } from '../../core/secret/manifest.ts'
import { openListBlob } from '../../core/secret/manifest.ts'
import type { Client } from '../client.ts'
import type { BlobReader } from './blob-reader.ts'
import { CODEC_STORED } from '../../core/secret/blob.ts'
import { BLOB_OVERHEAD } from '../../core/open/blobs/blob-id.ts'

/** A chunk and where it stands in the file. */
export interface PlacedChunk {
  readonly ref: BlobRef
  readonly position: number
}

/** The chunks of a file that overlap the byte range from `start` to `end`, in order; lists outside of it aren't fetched. */
export async function* fileChunks(
  client: Client,
  reader: BlobReader,
  manifest: Manifest,
  start: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<PlacedChunk> {
  let position = 0
  const overlaps = (length: number) => position < end && position + length > start
  for (const ref of manifest.chunks) {
    if (overlaps(ref.plain)) yield { ref, position }
    position += ref.plain
  }
  for (const list of manifest.lists) {
    if (!overlaps(list.bytes)) {
      position += list.bytes
      continue
    }
    const { id, key, stored } = list
    const asBlob: BlobRef = { id, key, codec: CODEC_STORED, stored, plain: stored - BLOB_OVERHEAD }
    const sealed = (await reader.readSealed([asBlob], signal)).get(toHex(id))!
    for (const ref of openListBlob(client.primitives, list, sealed)) {
      if (overlaps(ref.plain)) yield { ref, position }
      position += ref.plain
    }
  }
}
