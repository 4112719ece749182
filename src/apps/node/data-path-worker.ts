/** The worker side of WorkerDataPath: one job after the other, each answered under its number; large buffers move, nothing is copied. */
import { parentPort } from 'node:worker_threads'
import type { Blob } from '../../core/open/data-shard.ts'
import type { WireError } from '../../core/open/errors.ts'
import { errorToWire } from '../../core/open/errors.ts'
import type { CodedShards, DedupSecret, SealedBatch } from '../../client/data-path.ts'
import { codeShards, sealChunks, takeDataShard } from '../../client/data-path.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { ownBytes } from './own-bytes.ts'

export type WorkerJob =
  | {
      readonly kind: 'seal'
      readonly dedup: DedupSecret
      readonly buffer: Uint8Array<ArrayBuffer>
      readonly ends: readonly number[]
    }
  | { readonly kind: 'code'; readonly dataShards: readonly (readonly Blob[])[]; readonly parity: number }
  | { readonly kind: 'parity'; readonly dataShards: readonly Uint8Array[]; readonly parity: number }

export type WorkerAnswer =
  | { readonly kind: 'sealed'; readonly batch: SealedBatch }
  | { readonly kind: 'coded'; readonly coded: CodedShards }
  | { readonly kind: 'failed'; readonly error: WireError }

function answer(job: WorkerJob): { answer: WorkerAnswer; transfer: ArrayBuffer[] } {
  if (job.kind === 'seal') {
    const { buffer } = job
    const blobs = sealChunks(nodePrimitives, job.dedup, buffer, job.ends).map((blob) => ({
      ...blob,
      bytes: ownBytes(blob.bytes),
    }))
    return {
      answer: { kind: 'sealed', batch: { blobs, buffer } },
      transfer: [buffer.buffer, ...blobs.map(({ bytes }) => bytes.buffer)],
    }
  }
  const dataShards = job.kind === 'code' ? job.dataShards.map(takeDataShard) : job.dataShards
  const { shards, ids } = codeShards(nodePrimitives, dataShards, job.parity)
  const own = shards.map(ownBytes)
  return {
    answer: { kind: 'coded', coded: { shards: own, ids } },
    transfer: own.map(({ buffer }) => buffer),
  }
}

parentPort?.on('message', ({ id, job }: { id: number; job: WorkerJob }) => {
  try {
    const done = answer(job)
    parentPort?.postMessage({ id, answer: done.answer }, done.transfer)
  } catch (error) {
    parentPort?.postMessage({ id, answer: { kind: 'failed', error: errorToWire(error) } })
  }
})
