/**
 * The front half of a put: files in, sealed chunks in the pool, a content for each file out. Invariants:
 * - chunks reach the uploader in the order of the files, so that a resumed put packs the same stripes.
 * - a file's content is reported once, after every blob that it needs is stored.
 * - at most `MAX_BATCHES` batches of plaintext are in memory.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { createChunker } from '../../core/open/blobs/chunker.ts'
import { encodePublicList, MAX_PUBLIC_LIST_IDS } from '../../core/open/blobs/public-list.ts'
import { putLists } from '../../core/open/protocol/tracker-methods.ts'
import type { BlobRef } from '../../core/secret/blob.ts'
import { gearTable } from '../../core/secret/dedup-keys.ts'
import type { ChunkListRef, Manifest } from '../../core/secret/manifest.ts'
import { MAX_INLINE_CHUNKS, MAX_LIST_CHUNKS, sealListBlob } from '../../core/secret/manifest.ts'
import type { Client } from '../client.ts'
import { Semaphore } from '../concurrency.ts'
import type { KnownContent } from '../fetch/all-chunks.ts'
import type { Content } from '../tree/node-changes.ts'
import type { Space } from '../tree/space.ts'
import type { ChunkBatch, ReadAt } from './chunk-batcher.ts'
import { ChunkBatcher } from './chunk-batcher.ts'
import type { UploadBlob, Uploader } from './uploader.ts'

/** One is read while one is sealed. */
const MAX_BATCHES = 2
/** Public lists of 1 MiB in one request. */
const LISTS_AT_ONCE = 4

/** A file's content, or that it is the one which was there before. */
export type SealedContent = Content | 'unchanged'

interface FileInProgress {
  readonly chunks: BlobRef[]
  /** Set when the file was read to its end. */
  total: { readonly bytes: number; readonly chunks: number } | undefined
  /** Set when all its chunks are sealed. */
  content: SealedContent | undefined
  /** Blobs that are not stored yet. */
  waiting: number
  /** What the pool has under this name, to compare with. */
  readonly before: (() => Promise<KnownContent | undefined>) | undefined
  readonly done: (content: SealedContent) => void
}

export class FileSealer {
  readonly #client: Client
  readonly #space: Space
  readonly #uploader: Uploader
  readonly #batcher: ChunkBatcher<FileInProgress>
  readonly #slots = new Semaphore(MAX_BATCHES)
  /** Everything behind sealing happens here, in order; it never rejects. */
  #tail: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

  constructor(client: Client, space: Space, uploader: Uploader) {
    this.#client = client
    this.#space = space
    this.#uploader = uploader
    const gear = gearTable(client.primitives, space.dedup.secret, space.dedup.epoch)
    this.#batcher = new ChunkBatcher(createChunker(gear), (batch) => this.#seal(batch))
  }

  /**
   * Reads one file to its end; `done` is called when its content is stored, later: with 'unchanged' when its chunks are those
   * of `before`. Throws what reading threw.
   */
  async file(
    read: ReadAt,
    before: (() => Promise<KnownContent | undefined>) | undefined,
    done: (content: SealedContent) => void,
  ): Promise<number> {
    const file: FileInProgress = {
      chunks: [],
      total: undefined,
      content: undefined,
      waiting: 0,
      before,
      done,
    }
    file.total = await this.#batcher.file(file, read)
    this.#inOrder(() => this.#complete(file))
    this.#check()
    return file.total.bytes
  }

  /** Seals what is gathered and hands it to the uploader; throws what sealing or sending failed with. */
  async flush(): Promise<void> {
    await this.#batcher.flush()
    await this.#tail
    this.#check()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #seal({ buffer, ends, owners }: ChunkBatch<FileInProgress>): Promise<void> {
    await this.#slots.acquire()
    const sealing = this.#client.dataPath.seal(this.#space.dedup, buffer, ends)
    // Its failure is met when its turn comes.
    sealing.catch(() => undefined)
    this.#inOrder(
      async () => {
        const sealed = await sealing
        this.#batcher.recycle(sealed.buffer)
        const blobs = sealed.blobs.map(({ bytes, ...ref }, i) => this.#track(owners[i]!, ref, bytes))
        await this.#uploader.add(blobs)
        for (const file of new Set(owners)) await this.#complete(file)
      },
      () => this.#slots.release(),
    )
    this.#check()
  }

  #track(file: FileInProgress, ref: BlobRef, bytes: Uint8Array): UploadBlob {
    file.chunks.push(ref)
    return this.#blobOf(file, ref.id, bytes, ref.plain)
  }

  #blobOf(file: FileInProgress, id: Uint8Array, bytes: Uint8Array, plain: number): UploadBlob {
    file.waiting++
    return {
      id,
      bytes,
      plain,
      stored: () => {
        file.waiting--
        this.#report(file)
      },
    }
  }

  #report(file: FileInProgress): void {
    if (file.waiting === 0 && file.content !== undefined) file.done(file.content)
  }

  /** Once all chunks are sealed: makes the manifest, and for long files the lists that it and the refs need. */
  async #complete(file: FileInProgress): Promise<void> {
    const { chunks, total } = file
    if (total === undefined || chunks.length !== total.chunks || file.content !== undefined) return
    const { domain, epoch } = this.#space.dedup
    const manifest = { size: total.bytes, domain, dedupEpoch: epoch }
    const before = await file.before?.()
    // Lists have random keys: one that isn't whole any more is replaced by another, in a new version.
    const isUnchanged =
      before !== undefined &&
      sameChunks(before.chunks, chunks) &&
      (await this.#uploader.has(before.lists)).size === before.lists.length
    if (isUnchanged) file.content = 'unchanged'
    else if (chunks.length <= MAX_INLINE_CHUNKS) {
      file.content = {
        manifest: { ...manifest, chunks, lists: [] },
        refs: { ids: distinct(chunks.map(({ id }) => id)), lists: [] },
      }
    } else {
      // Counted as one blob until the lists are in, so that it can't be reported half.
      file.waiting++
      file.content = await this.#storeLists(file, manifest)
      file.waiting--
    }
    this.#report(file)
  }

  async #storeLists(file: FileInProgress, manifest: Omit<Manifest, 'chunks' | 'lists'>): Promise<Content> {
    const { primitives, random, tracker } = this.#client
    const refs: ChunkListRef[] = []
    const blobs: UploadBlob[] = []
    for (const chunks of slices(file.chunks, MAX_LIST_CHUNKS)) {
      const { ref, blob } = sealListBlob(primitives, random, chunks)
      refs.push(ref)
      blobs.push(this.#blobOf(file, blob.id, blob.bytes, 0))
    }
    const ids = distinct([...file.chunks, ...refs].map(({ id }) => id))
    const lists = [...slices(ids, MAX_PUBLIC_LIST_IDS)].map((part) => encodePublicList(primitives, part))
    // The uploader takes their bytes for good, and they are needed once more.
    for (const list of lists) blobs.push(this.#blobOf(file, list.id, list.bytes.slice(), 0))
    await this.#uploader.add(blobs)
    for (const part of slices(lists, LISTS_AT_ONCE))
      await tracker.call(putLists, { space: this.#space.id, lists: part.map(({ bytes }) => bytes) })
    return {
      manifest: { ...manifest, chunks: [], lists: refs },
      refs: { ids: [], lists: lists.map(({ id }) => id) },
    }
  }

  #inOrder(work: () => Promise<void>, always?: () => void): void {
    this.#tail = this.#tail.then(async () => {
      try {
        if (this.#failure === undefined) await work()
      } catch (error) {
        this.#failure = { error }
      } finally {
        always?.()
      }
    })
  }
}

function sameChunks(a: readonly BlobRef[], b: readonly BlobRef[]): boolean {
  return a.length === b.length && a.every((chunk, i) => equalBytes(chunk.id, b[i]!.id))
}

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

function distinct(ids: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(ids.map((id) => [toHex(id), id])).values()]
}
