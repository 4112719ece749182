/**
 * The product's own way from plaintext to coded shards, without disk and network: batches, chunks, compress probe, key, encryption,
 * blob id, packing, data shards, parity, shard ids; all on this thread.
 */
import { randomBytes } from 'node:crypto'
import { nodePrimitives } from '../../src/adapters/native/node-primitives.ts'
import { inlineDataPath } from '../../src/client/data-path.ts'
import { ChunkBatcher } from '../../src/client/upload/chunk-batcher.ts'
import { createChunker } from '../../src/core/open/blobs/chunker.ts'
import type { PackedStripe } from '../../src/core/open/stripes/packer.ts'
import { createPacker } from '../../src/core/open/stripes/packer.ts'
import type { SealedBlob } from '../../src/core/secret/blob.ts'
import { gearTable } from '../../src/core/secret/dedup-keys.ts'

const DATA_SHARDS = 4
const PARITY_SHARDS = 2

export interface DataPathOutcome {
  readonly chunks: number
  /** Bytes of all shards, parity included. */
  readonly storedBytes: number
  /** Time and CPU time of copying the input into the batches, which stands for reading files; milliseconds. */
  readonly readMs: number
  readonly readCpuMs: number
}

/** Takes `input` through the data path at 4+2 and drops the shards. */
export async function runDataPath(input: Uint8Array): Promise<DataPathOutcome> {
  const secret = randomBytes(32)
  const dedup = { domain: randomBytes(32), epoch: 0, secret }
  const dataPath = inlineDataPath(nodePrimitives)
  const packer = createPacker<SealedBlob>(DATA_SHARDS)
  let storedBytes = 0

  const code = async (stripe: PackedStripe<SealedBlob> | undefined): Promise<void> => {
    if (stripe === undefined) return
    const { shards } = await dataPath.code(stripe.shards, PARITY_SHARDS)
    for (const shard of shards) storedBytes += shard.length
    // As the uploader does once they are sent.
    dataPath.release(shards)
  }

  const batcher: ChunkBatcher<undefined> = new ChunkBatcher(
    createChunker(gearTable(nodePrimitives, secret, 0)),
    async ({ buffer, ends }) => {
      const { blobs, buffer: again } = await dataPath.seal(dedup, buffer, ends)
      batcher.recycle(again)
      for (const blob of blobs) await code(packer.add(blob))
    },
  )
  let readMs = 0
  let readCpu = 0
  const { chunks } = await batcher.file(undefined, (buffer, position) => {
    const start = performance.now()
    const cpu = process.threadCpuUsage()
    const piece = input.subarray(position, position + buffer.length)
    buffer.set(piece)
    const { user, system } = process.threadCpuUsage(cpu)
    readCpu += user + system
    readMs += performance.now() - start
    return Promise.resolve(piece.length)
  })
  await batcher.flush()
  await code(packer.flush())
  return { chunks, storedBytes, readMs, readCpuMs: readCpu / 1000 }
}
