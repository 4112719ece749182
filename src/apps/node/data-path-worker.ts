/**
 * The worker side of WorkerDataPath: one job after the other, each answered under its number. Plaintext, blobs
 * and shards move between the threads: nothing is copied.
 */
import { parentPort } from 'node:worker_threads'
import type { Blob } from '../../core/open/stripes/data-shard.ts'
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
  | {
      readonly kind: 'code'
      readonly dataShards: readonly (readonly Blob[])[]
      /** Memory for each of the n shards. */
      readonly into: readonly Uint8Array[]
    }
  | {
      readonly kind: 'parity'
      readonly dataShards: readonly Uint8Array[]
      /** Memory for each parity shard. */
      readonly into: readonly Uint8Array[]
    }

export type WorkerAnswer =
  | { readonly kind: 'sealed'; readonly batch: SealedBatch }
  | { readonly kind: 'coded'; readonly coded: CodedShards }
  | { readonly kind: 'failed'; readonly error: WireError }

interface Done {
  readonly answer: WorkerAnswer
  readonly transfer: ArrayBuffer[]
}

function run(job: WorkerJob): Done {
  switch (job.kind) {
    case 'seal': {
      const { dedup, buffer, ends } = job
      const blobs = sealChunks(nodePrimitives, dedup, buffer, ends).map((blob) => ({
        ...blob,
        bytes: ownBytes(blob.bytes),
      }))
      return {
        answer: { kind: 'sealed', batch: { blobs, buffer } },
        transfer: [buffer.buffer, ...blobs.map(({ bytes }) => bytes.buffer)],
      }
    }
    case 'code': {
      const data = job.dataShards.map((blobs, i) => takeDataShard(blobs, job.into[i]))
      return coded(data, job.into.slice(data.length))
    }
    case 'parity':
      return coded(job.dataShards, job.into)
  }
}

function coded(dataShards: readonly Uint8Array[], into: readonly Uint8Array[]): Done {
  const result = codeShards(nodePrimitives, dataShards, into.length, into)
  return {
    answer: { kind: 'coded', coded: result },
    transfer: result.shards.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])),
  }
}

parentPort?.on('message', ({ id, job }: { id: number; job: WorkerJob }) => {
  try {
    const { answer, transfer } = run(job)
    parentPort?.postMessage({ id, answer }, transfer)
  } catch (error) {
    parentPort?.postMessage({ id, answer: { kind: 'failed', error: errorToWire(error) } })
  }
})
