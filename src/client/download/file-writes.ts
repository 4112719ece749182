/**
 * The files of a download as they are written. Invariants: a file appears whole or not at all, however the download ends; few
 * are open at a time, and what waits for the disk is bounded in bytes.
 */
import { ByteBudget } from '../../core/open/byte-budget.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { Manifest } from '../../core/secret/manifest.ts'
import type { LocalTarget } from '../../ports/local-files.ts'
import { Semaphore } from '../concurrency.ts'
import type { PlacedChunk } from '../fetch/file-content.ts'
import type { RemoteNode } from '../tree/remote-node.ts'

/** Writes to the disk at the same time. */
const WRITING = 24
/** Bytes of all writes that are under way or wait for their turn. */
const QUEUED_BYTES = 32 * 1024 * 1024
/** What a write takes beside its bytes: 2,048 of the smallest may wait. */
const WRITE_OVERHEAD_BYTES = 16 * 1024

/** A file to be written: known before its first byte. */
export interface FileJob {
  readonly node: RemoteNode
  readonly path: string
  readonly manifest: Manifest
  /** Called when the first bytes are there, so that few files are open at a time. */
  readonly open: () => Promise<LocalTarget>
  target: Promise<LocalTarget> | undefined
  /** Chunks that are still to come. */
  left: number
  allListed: boolean
  failure: unknown
}

export interface Piece {
  readonly job: FileJob
  /** Undefined marks the end of the file's list of chunks. */
  readonly chunk: PlacedChunk | undefined
}

/** A piece with its plaintext, which is absent where it could not be had. */
export interface FetchedPiece {
  readonly piece: Piece
  readonly plain: Uint8Array | undefined
}

/** What is told of each write. */
export interface WriteListener {
  written(bytes: number): void
  finished(): void
  /** Throws what fails the whole download. */
  failed(path: string, error: unknown): void
}

export class FileWrites {
  readonly #listener: WriteListener
  readonly #writing = new Semaphore(WRITING)
  readonly #queued = new ByteBudget(QUEUED_BYTES)
  /** Files that are being written. */
  readonly #targets = new Set<LocalTarget>()
  readonly #writes = new Set<Promise<void>>()
  #broken: { readonly error: unknown } | undefined

  constructor(listener: WriteListener) {
    this.#listener = listener
  }

  /** Waits while too much is queued for the disk; throws what has failed the whole download. */
  async add(pieces: readonly FetchedPiece[]): Promise<void> {
    for (const { piece, plain } of pieces) {
      const { job, chunk } = piece
      if (chunk === undefined) {
        job.allListed = true
        if (job.left === 0) await this.#background(0, () => this.#finish(job))
      } else await this.#background(plain?.length ?? 0, () => this.#write(job, chunk, plain))
    }
    this.requireWhole()
  }

  /** Resolves when nothing is written any more, and nothing half-written is there. */
  async end(): Promise<void> {
    await Promise.all(this.#writes)
    // Only a download that was given up leaves targets that are neither finished nor discarded.
    for (const target of this.#targets) await target.discard()
  }

  /** Throws what has failed the whole download. */
  requireWhole(): void {
    if (this.#broken !== undefined) throw this.#broken.error
  }

  /** Runs `work`, which holds so many bytes, when its turn comes; resolves when there is room for it to wait. */
  async #background(bytes: number, work: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const room = this.#queued.reserve(bytes + WRITE_OVERHEAD_BYTES, resolve)
    if (!room.granted) await promise
    const running: Promise<void> = this.#writing
      .with(work)
      .catch((error: unknown) => {
        this.#broken ??= { error }
      })
      .finally(() => {
        this.#writes.delete(running)
        room.release()
      })
    this.#writes.add(running)
  }

  async #write(job: FileJob, chunk: PlacedChunk, plain: Uint8Array | undefined): Promise<void> {
    if (plain !== undefined && job.failure === undefined)
      try {
        const target = await this.#open(job)
        await target.write(plain, chunk.position)
        this.#listener.written(plain.length)
        freeBytes(plain)
      } catch (error) {
        job.failure ??= error
      }
    job.left--
    if (job.left === 0 && job.allListed) await this.#finish(job)
  }

  #open(job: FileJob): Promise<LocalTarget> {
    job.target ??= job.open().then((target) => {
      this.#targets.add(target)
      return target
    })
    return job.target
  }

  async #finish(job: FileJob): Promise<void> {
    if (job.failure === undefined)
      try {
        const target = await this.#open(job)
        await target.finish()
        this.#targets.delete(target)
        this.#listener.finished()
        return
      } catch (error) {
        job.failure = error
      }
    // A target that could not even be opened left nothing to discard.
    const target = await job.target?.catch(() => undefined)
    if (target !== undefined) {
      this.#targets.delete(target)
      await target.discard()
    }
    this.#listener.failed(job.path, job.failure)
  }
}
