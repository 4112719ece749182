import { ByteBudget } from '../../core/open/byte-budget.ts'
import { AllmendError, ConflictError, NotFoundError, UsageError } from '../../core/open/errors.ts'
import { freeBytes } from '../../core/open/free-bytes.ts'
import type { Manifest } from '../../core/secret/manifest.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { LocalTarget, TargetFolder } from '../../ports/local-files.ts'
import type { Client } from '../client.ts'
import { orderedAhead, Semaphore, throwIfCancelled } from '../concurrency.ts'
import { batches } from '../fetch/batches.ts'
import { BlobReader } from '../fetch/blob-reader.ts'
import type { PlacedChunk } from '../fetch/file-content.ts'
import { fileChunks } from '../fetch/file-content.ts'
import { openContent } from '../fetch/open-content.ts'
import type { Waiting } from '../fetch/patience.ts'
import { Patience } from '../fetch/patience.ts'
import { targetOf } from './get-target.ts'
import { checkDistinct } from '../paths.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import type { Trees } from '../tree/trees.ts'

export interface GetParameters {
  /** Remote files and folders. */
  readonly sources: readonly string[]
  /** Local path: an existing folder takes the sources in, else it is the new name of the only source. */
  readonly target: string
  readonly onProgress?: (progress: GetProgress) => void
  readonly signal?: AbortSignal
  /** How long to wait for providers that were there less than that ago, while nothing comes, ms; default 60,000, with 0 not at all. */
  readonly waitMs?: number
  /** Called each second while it waits for providers. */
  readonly onWaiting?: (waiting: Waiting) => void
}

export interface GetProgress {
  readonly files: number
  readonly totalFiles: number
  readonly bytes: number
  readonly totalBytes: number
}

export interface GetFailure {
  /** Remote path. */
  readonly path: string
  readonly error: AllmendError
}

export interface GetResult {
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  readonly bytes: number
  /** Files that are not there now; nothing half-written was left of them. */
  readonly failed: readonly GetFailure[]
  /** Bad shards that were met, worked around and reported. */
  readonly damagedShards: number
}

/** Plaintext of one batch, and batches under way. */
const BATCH_BYTES = 16 * 1024 * 1024
const BATCH_CHUNKS = 1_024
const BATCHES_AHEAD = 3
/** Writes to the disk at the same time. */
const WRITING = 24
/** Bytes of all writes that are under way or wait for their turn. */
const QUEUED_BYTES = 32 * 1024 * 1024
/** What a write takes beside its bytes: 2,048 of the smallest may wait. */
const WRITE_OVERHEAD_BYTES = 16 * 1024

/** A file to be written: known before its first byte. */
interface FileJob {
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

interface Piece {
  readonly job: FileJob
  /** Undefined marks the end of the file's list of chunks. */
  readonly chunk: PlacedChunk | undefined
}

/**
 * Fetches files and folders into the local file system; every file appears whole and verified or not at all.
 *
 * @example
 * await get(client, { sources: ['/home/photos'], target: 'photos' })
 *
 * @throws NotFoundError, UsageError; failures of single files are in the result's `failed`.
 */
export async function get(client: Client, parameters: GetParameters): Promise<GetResult> {
  const { sources } = parameters
  if (sources.length === 0) throw new UsageError('name at least one remote file or folder')
  const trees = client.trees.orKept()
  const nodes: { node: RemoteNode; path: string }[] = []
  for (const path of sources) nodes.push({ node: await trees.resolve(path), path })
  checkDistinct(nodes.map(({ node }) => node.metadata.name))
  const { folder, name } = await targetOf(client.files, parameters.target, nodes.length)
  const named = nodes.map(({ node, path }) => ({
    node,
    path: path.replace(/\/+$/, ''),
    name: name ?? node.metadata.name,
  }))
  return fetchNodes(client, trees, named, folder, parameters)
}

/** A node, its remote path for people, and the name that it gets here. */
export interface NamedNode {
  readonly node: RemoteNode
  readonly path: string
  readonly name: string
}

export interface FetchOptions extends Pick<GetParameters, 'onProgress' | 'signal' | 'waitMs' | 'onWaiting'> {
  /** Whether a file is here already, from an earlier try: then it isn't fetched again. */
  readonly isHere?: (path: string, metadata: Metadata) => Promise<boolean>
}

/** Fetches nodes of these trees into a folder, with what is below them; failures of single files are in the result's `failed`. */
export function fetchNodes(
  client: Client,
  trees: Pick<Trees, 'children'>,
  nodes: readonly NamedNode[],
  folder: TargetFolder,
  options: FetchOptions,
): Promise<GetResult> {
  return new Get(client, trees, options).run(nodes, folder)
}

class Get {
  readonly #client: Client
  readonly #trees: Pick<Trees, 'children'>
  readonly #parameters: FetchOptions
  readonly #readers = new Map<unknown, BlobReader>()
  readonly #patience: Patience
  readonly #writing = new Semaphore(WRITING)
  readonly #queued = new ByteBudget(QUEUED_BYTES)
  /** Folders whose times are set once everything in them is written, outermost first. */
  readonly #folders: { readonly folder: TargetFolder; readonly metadata: Metadata; readonly path: string }[] =
    []
  /** Files that are being written. */
  readonly #targets = new Set<LocalTarget>()
  readonly #failed: GetFailure[] = []
  readonly #count = { files: 0, folders: 0, symlinks: 0, bytes: 0 }
  readonly #totals = { files: 0, bytes: 0 }
  readonly #writes = new Set<Promise<void>>()
  #broken: { readonly error: unknown } | undefined

  constructor(client: Client, trees: Pick<Trees, 'children'>, parameters: FetchOptions) {
    this.#client = client
    this.#trees = trees
    this.#parameters = parameters
    this.#patience = new Patience(client, parameters)
  }

  async run(nodes: readonly NamedNode[], folder: TargetFolder): Promise<GetResult> {
    const { onProgress, signal } = this.#parameters
    if (onProgress !== undefined) for (const { node } of nodes) await this.#scan(node)
    this.#report()
    const pieces = this.#pieces(nodes, folder)
    const grouped = batches(pieces, ({ chunk }) => chunk?.ref.plain ?? 0, BATCH_BYTES, BATCH_CHUNKS)
    try {
      for await (const done of orderedAhead(grouped, BATCHES_AHEAD, (batch) => this.#fetch(batch))) {
        throwIfCancelled(signal)
        await this.#deliver(done)
        if (this.#broken !== undefined) throw this.#broken.error
      }
    } finally {
      await Promise.all(this.#writes)
      // Only a get that was given up leaves targets that are neither finished nor discarded.
      for (const target of this.#targets) await target.discard()
      for (const reader of this.#readers.values()) await reader.damage.flush()
    }
    if (this.#broken !== undefined) throw this.#broken.error
    for (const { folder: inner, metadata, path } of this.#folders.reverse())
      await inner.finish(metadata).catch((error: unknown) => this.#fail(path, error))
    this.#report()
    let damagedShards = 0
    for (const reader of this.#readers.values()) damagedShards += reader.damage.count
    return { ...this.#count, failed: this.#failed, damagedShards }
  }

  async #scan(node: RemoteNode): Promise<void> {
    throwIfCancelled(this.#parameters.signal)
    if (node.metadata.kind === 'file') {
      this.#totals.files++
      this.#totals.bytes += node.metadata.size
    } else if (node.metadata.kind === 'folder')
      for (const child of await this.#childrenToCount(node)) await this.#scan(child)
  }

  /** A folder that can't be read counts for nothing here; it fails when its turn comes. */
  async #childrenToCount(folder: RemoteNode): Promise<readonly RemoteNode[]> {
    try {
      return [...(await this.#trees.children(folder)).byName.values()]
    } catch (error) {
      if (error instanceof AllmendError) return []
      throw error
    }
  }

  #report(): void {
    this.#parameters.onProgress?.({
      files: this.#count.files,
      totalFiles: Math.max(this.#totals.files, this.#count.files),
      bytes: this.#count.bytes,
      totalBytes: Math.max(this.#totals.bytes, this.#count.bytes),
    })
  }

  async *#pieces(nodes: readonly NamedNode[], folder: TargetFolder): AsyncGenerator<Piece> {
    for (const { node, path, name } of nodes) yield* this.#node(node, path, folder, name)
  }

  async *#node(node: RemoteNode, path: string, folder: TargetFolder, name: string): AsyncGenerator<Piece> {
    throwIfCancelled(this.#parameters.signal)
    const { metadata } = node
    try {
      if (metadata.kind === 'folder') {
        const inner = await folder.folder(name)
        this.#count.folders++
        const { byName, conflicts } = await this.#trees.children(node)
        for (const child of byName.values()) {
          const { name: own } = child.metadata
          yield* this.#node(child, `${path}/${own}`, inner, own)
        }
        for (const child of conflicts)
          this.#fail(
            `${path}/${child.metadata.name}`,
            new ConflictError('another file of the same name was there first; rename this one', {}),
          )
        this.#folders.push({ folder: inner, metadata, path })
      } else if (metadata.kind === 'symlink') {
        await folder.symlink(name, metadata.target ?? '', metadata)
        this.#count.symlinks++
      } else if ((await this.#parameters.isHere?.(path, metadata)) === true) {
        this.#totals.files--
        this.#totals.bytes -= metadata.size
      } else yield* this.#file(node, path, folder, metadata, name)
    } catch (error) {
      this.#fail(path, error)
    }
  }

  async *#file(
    node: RemoteNode,
    path: string,
    folder: TargetFolder,
    metadata: Metadata,
    name: string,
  ): AsyncGenerator<Piece> {
    const manifest = openContent(this.#client, node)
    if (manifest === undefined) throw new NotFoundError('this file has no content', { path })
    const job: FileJob = {
      node,
      path,
      open: () => folder.file(name, { ...metadata, size: manifest.size }),
      manifest,
      target: undefined,
      left: 0,
      allListed: false,
      failure: undefined,
    }
    try {
      const chunks = fileChunks(
        this.#client,
        this.#reader(node),
        manifest,
        0,
        manifest.size,
        this.#parameters.signal,
      )
      for await (const chunk of chunks) {
        if (job.failure !== undefined) break
        job.left++
        yield { job, chunk }
      }
    } catch (error) {
      job.failure ??= error
    }
    yield { job, chunk: undefined }
  }

  #reader(node: RemoteNode): BlobReader {
    let reader = this.#readers.get(node.space)
    if (reader === undefined) {
      reader = new BlobReader(this.#client, node.space, this.#patience)
      this.#readers.set(node.space, reader)
    }
    return reader
  }

  /** Plaintexts of a batch. When it fails as a whole, each file's part is tried alone, so that one loss doesn't fail others. */
  async #fetch(batch: readonly Piece[]): Promise<{ piece: Piece; plain: Uint8Array | undefined }[]> {
    const wanted = batch.filter(({ chunk }) => chunk !== undefined)
    const first = wanted[0]
    const plain = new Map<Piece, Uint8Array>()
    if (first !== undefined)
      try {
        await this.#read(wanted, plain)
      } catch (error) {
        if (!(error instanceof AllmendError)) throw error
        for (const job of new Set(wanted.map((piece) => piece.job))) {
          const own = wanted.filter((piece) => piece.job === job)
          try {
            if (job.failure === undefined) await this.#read(own, plain)
          } catch (reason) {
            if (!(reason instanceof AllmendError)) throw reason
            job.failure ??= reason
          }
        }
      }
    return batch.map((piece) => ({ piece, plain: plain.get(piece) }))
  }

  async #read(pieces: readonly Piece[], plain: Map<Piece, Uint8Array>): Promise<void> {
    const bySpace = Map.groupBy(pieces, ({ job }) => job.node.space)
    for (const own of bySpace.values()) {
      const parts = await this.#reader(own[0]!.job.node).read(
        own.map(({ chunk }) => chunk!.ref),
        this.#parameters.signal,
      )
      for (const [i, piece] of own.entries()) plain.set(piece, parts[i]!)
    }
  }

  /** Waits while too much is queued for the disk. */
  async #deliver(results: readonly { piece: Piece; plain: Uint8Array | undefined }[]): Promise<void> {
    for (const { piece, plain } of results) {
      const { job, chunk } = piece
      if (chunk === undefined) {
        job.allListed = true
        if (job.left === 0) await this.#background(0, () => this.#finish(job))
      } else await this.#background(plain?.length ?? 0, () => this.#write(job, chunk, plain))
    }
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
        this.#count.bytes += plain.length
        freeBytes(plain)
        this.#report()
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
        this.#count.files++
        this.#report()
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
    this.#fail(job.path, job.failure)
  }

  #fail(path: string, error: unknown): void {
    if (!(error instanceof AllmendError)) throw error
    throwIfCancelled(this.#parameters.signal)
    this.#failed.push({ path, error })
  }
}
