import { AllmendError, ConflictError, NotFoundError } from '../../core/open/errors.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { TargetFolder } from '../../ports/local-files.ts'
import type { Client } from '../client.ts'
import { orderedAhead, throwIfCancelled } from '../concurrency.ts'
import { batches } from '../fetch/batches.ts'
import { BlobReader } from '../fetch/blob-reader.ts'
import { fileChunks } from '../fetch/file-content.ts'
import { openContent } from '../fetch/open-content.ts'
import { Patience } from '../fetch/patience.ts'
import type { FetchOptions, GetFailure, GetResult } from '../operations/get-parameters.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import type { Trees } from '../tree/trees.ts'
import type { FetchedPiece, FileJob, Piece } from './file-writes.ts'
import { FileWrites } from './file-writes.ts'

/** Plaintext of one batch, and batches under way. */
const BATCH_BYTES = 16 * 1024 * 1024
const BATCH_CHUNKS = 1_024
const BATCHES_AHEAD = 3

/** A node, its remote path for people, and the name that it gets here. */
export interface NamedNode {
  readonly node: RemoteNode
  readonly path: string
  readonly name: string
}

/** Downloads nodes of these trees into a folder, with what is below them; failures of single files are in the result's `failed`. */
export function downloadNodes(
  client: Client,
  trees: Pick<Trees, 'children'>,
  nodes: readonly NamedNode[],
  folder: TargetFolder,
  options: FetchOptions,
): Promise<GetResult> {
  return new TreeDownload(client, trees, options).run(nodes, folder)
}

class TreeDownload {
  readonly #client: Client
  readonly #trees: Pick<Trees, 'children'>
  readonly #parameters: FetchOptions
  readonly #readers = new Map<unknown, BlobReader>()
  readonly #patience: Patience
  /** Folders whose times are set once everything in them is written, outermost first. */
  readonly #folders: { readonly folder: TargetFolder; readonly metadata: Metadata; readonly path: string }[] =
    []
  readonly #failed: GetFailure[] = []
  readonly #count = { files: 0, folders: 0, symlinks: 0, bytes: 0 }
  readonly #totals = { files: 0, bytes: 0 }
  readonly #writes: FileWrites

  constructor(client: Client, trees: Pick<Trees, 'children'>, parameters: FetchOptions) {
    this.#client = client
    this.#trees = trees
    this.#parameters = parameters
    this.#patience = new Patience(client, parameters)
    this.#writes = new FileWrites({
      written: (bytes) => this.#wrote({ files: 0, bytes }),
      finished: () => this.#wrote({ files: 1, bytes: 0 }),
      failed: (path, error) => this.#fail(path, error),
    })
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
        await this.#writes.add(done)
      }
    } finally {
      await this.#writes.end()
      for (const reader of this.#readers.values()) await reader.damage.flush()
    }
    this.#writes.requireWhole()
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

  #wrote({ files, bytes }: { readonly files: number; readonly bytes: number }): void {
    this.#count.files += files
    this.#count.bytes += bytes
    this.#report()
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
  async #fetch(batch: readonly Piece[]): Promise<FetchedPiece[]> {
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

  #fail(path: string, error: unknown): void {
    if (!(error instanceof AllmendError)) throw error
    throwIfCancelled(this.#parameters.signal)
    this.#failed.push({ path, error })
  }
}
