/**
 * The data path on worker threads: started once a put turns out to be large, so that small commands don't pay for them.
 * Invariants: results are those of the inline path; large buffers move to the worker and back, none is copied; when a worker dies, what it had fails, and so does the put.
 */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AllmendError, CancelledError, InternalError, errorFromWire } from '../../core/open/errors.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Blob } from '../../core/open/stripes/data-shard.ts'
import type { CodedShards, DataPath, DedupSecret, SealedBatch } from '../../client/data-path.ts'
import { Semaphore } from '../../client/concurrency.ts'
import { inlineDataPath, takeDataShard } from '../../client/data-path.ts'
import type { WorkerAnswer, WorkerJob } from './data-path-worker.ts'
import { ownBytes } from './own-bytes.ts'
import { ShardMemory } from './shard-memory.ts'

/** Workers beyond that wait for the network and the disk. */
const MAX_WORKERS = 4
/** Starting a worker costs what sealing some 30 MB does. */
const START_AFTER_BYTES = 32 * 1024 * 1024
/** Below, handing over costs more than it saves. */
const MIN_JOB_BYTES = 128 * 1024
/** Jobs with each worker: one that it does, one that it does next; others wait here, with their memory. */
const MAX_JOBS = 2
/** Blobs that move one by one: Node compares every moved buffer with all others of its message. */
const MAX_MOVED_BLOBS = 256

interface Pending {
  resolve(answer: WorkerAnswer): void
  reject(error: AllmendError): void
}

interface Thread {
  readonly worker: Worker
  readonly pending: Map<number, Pending>
  bytes: number
}

export class WorkerDataPath implements DataPath {
  readonly #inline: DataPath
  readonly #count: number
  readonly #memory = new ShardMemory()
  readonly #turns: Semaphore
  #threads: Thread[] = []
  #seen = 0
  #next = 0
  #closed = false

  /** `workers` 0 keeps everything on this thread. */
  constructor(
    primitives: Primitives,
    workers = Math.max(1, Math.min(availableParallelism() - 1, MAX_WORKERS)),
  ) {
    this.#inline = inlineDataPath(primitives)
    this.#count = workers
    this.#turns = new Semaphore(workers * MAX_JOBS)
  }

  async seal(
    dedup: DedupSecret,
    buffer: Uint8Array<ArrayBuffer>,
    ends: readonly number[],
  ): Promise<SealedBatch> {
    const bytes = ends.at(-1) ?? 0
    if (!this.#handsOver(bytes)) return this.#inline.seal(dedup, buffer, ends)
    const answer = await this.#turns.with(() =>
      this.#run({ kind: 'seal', dedup: plainDedup(dedup), buffer, ends }, [buffer.buffer], bytes),
    )
    if (answer.kind !== 'sealed') throw new InternalError('a worker answered another question')
    return answer.batch
  }

  async code(dataShards: readonly (readonly Blob[])[], parity: number): Promise<CodedShards> {
    const blobs = dataShards.flat()
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, 0)
    if (!this.#handsOver(bytes)) return this.#inline.code(dataShards, parity)
    const answer = await this.#turns.with(() =>
      blobs.length > MAX_MOVED_BLOBS
        ? this.#parity(dataShards, parity, bytes)
        : this.#code(dataShards, parity, bytes),
    )
    if (answer.kind !== 'coded') throw new InternalError('a worker answered another question')
    return answer.coded
  }

  #code(dataShards: readonly (readonly Blob[])[], parity: number, bytes: number): Promise<WorkerAnswer> {
    const transfer: ArrayBuffer[] = []
    const moved = dataShards.map((blobs) =>
      blobs.map((blob): Blob => {
        const own = ownBytes(blob.bytes)
        transfer.push(own.buffer)
        return { id: new Uint8Array(blob.id), bytes: own }
      }),
    )
    const into = this.#memory.take(dataShards.length + parity)
    for (const { buffer } of into) transfer.push(buffer)
    return this.#run({ kind: 'code', dataShards: moved, into }, transfer, bytes)
  }

  #parity(dataShards: readonly (readonly Blob[])[], parity: number, bytes: number): Promise<WorkerAnswer> {
    const memory = this.#memory.take(dataShards.length + parity)
    const encoded = dataShards.map((blobs, i) => takeDataShard(blobs, memory[i]))
    return this.#run(
      { kind: 'parity', dataShards: encoded, into: memory.slice(encoded.length) },
      memory.map(({ buffer }) => buffer),
      bytes,
    )
  }

  release(shards: readonly Uint8Array[]): void {
    this.#inline.release(shards.filter((shard) => !this.#memory.give(shard)))
  }

  async close(): Promise<void> {
    this.#closed = true
    const threads = this.#threads
    this.#threads = []
    await Promise.all(
      threads.map(async (thread) => {
        failAll(thread, new CancelledError('the client was closed'))
        await thread.worker.terminate()
      }),
    )
  }

  #handsOver(bytes: number): boolean {
    if (this.#closed) throw new CancelledError('the client was closed')
    this.#seen += bytes
    return this.#count > 0 && this.#seen >= START_AFTER_BYTES && bytes >= MIN_JOB_BYTES
  }

  #run(job: WorkerJob, transfer: ArrayBuffer[], bytes: number): Promise<WorkerAnswer> {
    if (this.#closed) throw new CancelledError('the client was closed')
    const thread = this.#leastBusy()
    const id = this.#next++
    thread.bytes += bytes
    const done = new Promise<WorkerAnswer>((resolve, reject) => thread.pending.set(id, { resolve, reject }))
    thread.worker.ref()
    thread.worker.postMessage({ id, job }, transfer)
    return done.finally(() => {
      thread.bytes -= bytes
    })
  }

  #leastBusy(): Thread {
    const idle = this.#threads.find((thread) => thread.pending.size === 0)
    if (idle !== undefined) return idle
    if (this.#threads.length < this.#count) return this.#start()
    return this.#threads.reduce((best, thread) => (thread.bytes < best.bytes ? thread : best))
  }

  #start(): Thread {
    // The clone runs TypeScript, the package JavaScript: the worker's file ends as this one does.
    const file = new URL(`./data-path-worker${extname(import.meta.filename)}`, import.meta.url)
    const thread: Thread = { worker: new Worker(file), pending: new Map(), bytes: 0 }
    const { worker, pending } = thread
    worker.unref()
    worker.on('message', ({ id, answer }: { id: number; answer: WorkerAnswer }) => {
      const waiting = pending.get(id)
      pending.delete(id)
      if (pending.size === 0) worker.unref()
      if (answer.kind === 'failed') waiting?.reject(errorFromWire(answer.error))
      else waiting?.resolve(answer)
    })
    const gone = (cause: unknown) => {
      this.#threads = this.#threads.filter((other) => other !== thread)
      failAll(thread, new InternalError('a worker thread ended', {}, { cause }))
    }
    worker.on('error', gone)
    worker.on('exit', gone)
    this.#threads.push(thread)
    return thread
  }
}

function failAll({ pending }: Thread, error: AllmendError): void {
  for (const waiting of pending.values()) waiting.reject(error)
  pending.clear()
}

/** Views of larger buffers would be cloned with everything around them. */
function plainDedup({ domain, epoch, secret }: DedupSecret): DedupSecret {
  return { domain: new Uint8Array(domain), epoch, secret: new Uint8Array(secret) }
}
