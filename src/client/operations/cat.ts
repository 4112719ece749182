import { NotFoundError, UsageError } from '../../core/open/errors.ts'
import type { Client } from '../client.ts'
import { orderedAhead } from '../concurrency.ts'
import { batches } from '../fetch/batches.ts'
import { BlobReader } from '../fetch/blob-reader.ts'
import { fileChunks } from '../fetch/file-content.ts'
import { openContent } from '../fetch/open-content.ts'
import type { Waiting } from '../fetch/patience.ts'
import { Patience } from '../fetch/patience.ts'

export interface CatParameters {
  readonly path: string
  /** First byte; default 0. Beyond the end gives nothing. */
  readonly offset?: number
  /** Bytes; default all that follow. */
  readonly length?: number
  readonly signal?: AbortSignal
  /** How long to wait for providers that were there less than that ago, while nothing comes, ms; default 60,000, with 0 not at all. */
  readonly waitMs?: number
  /** Called each second while it waits for providers. */
  readonly onWaiting?: (waiting: Waiting) => void
}

/** Plaintext of one batch, and batches under way: what a reader may buffer. */
const BATCH_BYTES = 8 * 1024 * 1024
const BATCH_CHUNKS = 1_024
const BATCHES_AHEAD = 3

/**
 * Streams a file's bytes in order, or a range of them without touching the rest.
 *
 * @example
 * for await (const bytes of cat(client, { path: '/home/a.txt', offset: 10, length: 5 })) process.stdout.write(bytes)
 *
 * @throws NotFoundError, UsageError; NotEnoughShardsError, UntrustedError in the middle of the stream.
 */
export async function* cat(client: Client, parameters: CatParameters): AsyncGenerator<Uint8Array> {
  const { path, offset = 0, length = Number.MAX_SAFE_INTEGER, signal } = parameters
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 0)
    throw new UsageError('offset and length are whole numbers from 0', {})
  const node = await client.trees.orKept().resolve(path)
  const manifest = openContent(client, node)
  if (manifest === undefined)
    throw new NotFoundError(`${path} is a ${node.metadata.kind}, not a file`, { path })
  const end = Math.min(manifest.size, offset + length)
  if (offset >= end) return
  const reader = new BlobReader(client, node.space, new Patience(client, parameters))
  try {
    const chunks = fileChunks(client, reader, manifest, offset, end, signal)
    const grouped = batches(chunks, ({ ref }) => ref.plain, BATCH_BYTES, BATCH_CHUNKS)
    const parts = orderedAhead(grouped, BATCHES_AHEAD, async (batch) => ({
      batch,
      plain: await reader.read(
        batch.map(({ ref }) => ref),
        signal,
      ),
    }))
    for await (const { batch, plain } of parts)
      for (const [i, { position, ref }] of batch.entries()) {
        const from = Math.max(0, offset - position)
        const to = Math.min(ref.plain, end - position)
        yield plain[i]!.subarray(from, to)
      }
  } finally {
    await reader.damage.flush()
  }
}
