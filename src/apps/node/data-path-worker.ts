/** The worker side of WorkerDataPath: one job after the other, each answered under its number. */
import { parentPort } from 'node:worker_threads'
import type { WireError } from '../../core/open/errors.ts'
import { errorToWire } from '../../core/open/errors.ts'
import type { Scheme } from '../../core/open/stripe.ts'
import type { SealedBlob } from '../../core/secret/blob.ts'
import type { CodedStripe, DedupSecret } from '../../client/data-path.ts'
import { codeStripe, sealChunks } from '../../client/data-path.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'

export type WorkerJob =
  | {
      readonly kind: 'seal'
      readonly dedup: DedupSecret
      readonly buffer: Uint8Array
      readonly ends: readonly number[]
    }
  | { readonly kind: 'code'; readonly scheme: Scheme; readonly dataShards: readonly Uint8Array[] }

export type WorkerAnswer =
  | { readonly kind: 'sealed'; readonly blobs: readonly SealedBlob[] }
  | { readonly kind: 'coded'; readonly coded: CodedStripe }
  | { readonly kind: 'failed'; readonly error: WireError }

function answer(job: WorkerJob): { answer: WorkerAnswer; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = []
  const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
    const alone =
      bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
        ? new Uint8Array(bytes.buffer)
        : new Uint8Array(bytes)
    transfer.push(alone.buffer)
    return alone
  }
  if (job.kind === 'seal') {
    const blobs = sealChunks(nodePrimitives, job.dedup, job.buffer, job.ends).map((blob) => ({
      ...blob,
      id: new Uint8Array(blob.id),
      key: new Uint8Array(blob.key),
      bytes: own(blob.bytes),
    }))
    return { answer: { kind: 'sealed', blobs }, transfer }
  }
  const { parity, ids } = codeStripe(nodePrimitives, job.scheme, job.dataShards)
  const coded = { parity: parity.map((shard) => own(shard)), ids: ids.map((id) => new Uint8Array(id)) }
  return { answer: { kind: 'coded', coded }, transfer }
}

parentPort?.on('message', ({ id, job }: { id: number; job: WorkerJob }) => {
  try {
    const done = answer(job)
    parentPort?.postMessage({ id, answer: done.answer }, done.transfer)
  } catch (error) {
    parentPort?.postMessage({ id, answer: { kind: 'failed', error: errorToWire(error) } })
  }
})
