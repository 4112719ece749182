import { AllmendError, ConflictError } from '../../core/open/errors.ts'
import type { Metadata } from '../../core/secret/metadata.ts'
import type { LocalEntry, LocalStat } from '../../ports/local-files.ts'
import type { JournalJob } from '../../ports/put-journal.ts'
import type { Client } from '../client.ts'
import { orderedAhead, throwIfCancelled } from '../concurrency.ts'
import type { KnownContent } from '../fetch/all-chunks.ts'
import { allChunks } from '../fetch/all-chunks.ts'
import { checkDistinct, checkName } from '../paths.ts'
import type { PutParameters, PutProblem, PutProgress, PutResult } from '../operations/put-parameters.ts'
import { freshen } from '../tree/freshen.ts'
import type { NewChange, Folder } from '../tree/node-changes.ts'
import { createChange, folderOf, metaChange, writeChange } from '../tree/node-changes.ts'
import type { RemoteNode } from '../tree/remote-node.ts'
import { CommitQueue } from './commit-queue.ts'
import type { SealedContent } from './file-sealer.ts'
import { FileSealer } from './file-sealer.ts'
import { checkLocalName, LocalFailure, localFailure } from './local-failure.ts'
import { metadataOf, sameMetadata } from './local-metadata.ts'
import { UploadProgress } from './upload-progress.ts'
import { Uploader } from './uploader.ts'

/** Small files are opened and read this far ahead: each costs some round trips to the disk. */
const FILES_AHEAD = 16
const SMALL_FILE_BYTES = 256 * 1024

/** Where the sources go. */
export interface Destination {
  readonly folder: RemoteNode
  /** Another name for the only source. */
  readonly name: string | undefined
}

/** A folder on its way: where new nodes go, and what was in it before. */
interface OpenFolder {
  readonly folder: Folder
  readonly before: RemoteNode | undefined
}

interface SmallContent {
  readonly bytes: Uint8Array
  readonly stat: LocalStat
}

/** One put under way: walks the sources, uploads what is new, commits as it goes. */
export class TreeUpload {
  readonly #client: Client
  readonly #parameters: PutParameters
  readonly #destination: Destination
  readonly #job: JournalJob
  readonly #progress: UploadProgress
  readonly #uploader: Uploader
  readonly #sealer: FileSealer
  readonly #queue: CommitQueue
  readonly #problems: PutProblem[] = []
  readonly #warnings: string[] = []
  readonly #count = { files: 0, folders: 0, symlinks: 0, unchanged: 0, bytes: 0 }
  #totals = { files: 0, bytes: 0 }
  #phase: PutProgress['phase'] = 'scan'

  constructor(client: Client, parameters: PutParameters, destination: Destination, job: JournalJob) {
    this.#client = client
    this.#parameters = parameters
    this.#destination = destination
    this.#job = job
    this.#progress = new UploadProgress(() => this.#report())
    const { space } = destination.folder
    this.#uploader = new Uploader(client, space, job, this.#progress, parameters)
    this.#sealer = new FileSealer(client, space, this.#uploader)
    this.#queue = new CommitQueue(client, space)
  }

  async run(): Promise<PutResult> {
    const { sources, onProgress } = this.#parameters
    const roots: LocalEntry[] = []
    for (const source of sources) roots.push(await this.#client.files.stat(source))
    if (roots.length > 1) checkDistinct(roots.map((root) => this.#client.files.baseName(root.path)))
    if (onProgress !== undefined) await this.#scan(roots)
    this.#phase = 'send'
    try {
      for (const root of roots) await this.#root(root)
      await this.#sealer.flush()
      this.#phase = 'finish'
      await this.#uploader.finish()
      await this.#queue.finish()
    } catch (error) {
      await this.#uploader.abandon()
      await this.#queue.settle()
      throw error
    }
    this.#report()
    const { survives, target, missingShards } = this.#uploader.safety
    return {
      ...this.#count,
      sentBytes: this.#progress.wire,
      repeatedBytes: this.#progress.repeated,
      problems: this.#problems,
      warnings: this.#warnings,
      safety: { survives: Math.min(survives, target), target, missingShards },
    }
  }

  async #scan(roots: readonly LocalEntry[]): Promise<void> {
    for (const root of roots)
      for await (const entry of this.#client.files.walk(root.path)) {
        throwIfCancelled(this.#parameters.signal)
        if ('error' in entry || entry.stat.kind !== 'file') continue
        this.#totals.files++
        this.#totals.bytes += entry.stat.size
      }
    this.#report()
  }

  #report(): void {
    const { sent, decodable, atTarget } = this.#progress
    this.#parameters.onProgress?.({
      phase: this.#phase,
      files: this.#count.files,
      totalFiles: Math.max(this.#totals.files, this.#count.files),
      bytes: this.#count.bytes,
      totalBytes: Math.max(this.#totals.bytes, this.#count.bytes),
      sent,
      decodable,
      atTarget,
    })
  }

  async #root(root: LocalEntry): Promise<void> {
    const { folder, name } = this.#destination
    const rootName = name ?? this.#client.files.baseName(root.path)
    checkName(rootName)
    // Folders that the walk is inside of, from the destination down.
    const open: OpenFolder[] = [{ folder: folderOf(folder), before: folder }]
    const walk = this.#client.files.walk(root.path)
    for await (const { entry, content } of orderedAhead(walk, FILES_AHEAD, (item) => this.#prepare(item))) {
      throwIfCancelled(this.#parameters.signal)
      this.#queue.check()
      if ('error' in entry) {
        this.#problems.push(entry)
        continue
      }
      const depth = entry.names.length
      open.length = Math.min(open.length, depth + 1)
      const parent = open[depth]
      // The folder above was refused; so is what is in it.
      if (parent === undefined) continue
      const entryName = entry.names.at(-1) ?? rootName
      try {
        checkLocalName(entryName)
        const made = await this.#entry(parent, entry, entryName, content)
        if (made !== undefined) open[depth + 1] = made
      } catch (error) {
        if (!(error instanceof LocalFailure)) throw error
        this.#problems.push({ path: entry.path, error: error.reason })
      }
    }
  }

  /** Opens and reads a small file ahead of its turn. */
  async #prepare(
    entry: LocalEntry | PutProblem,
  ): Promise<{ entry: LocalEntry | PutProblem; content: SmallContent | undefined }> {
    if ('error' in entry || entry.stat.kind !== 'file' || entry.stat.size > SMALL_FILE_BYTES)
      return { entry, content: undefined }
    if (this.#job.committed.get(entry.path) === entry.stat.fingerprint) return { entry, content: undefined }
    try {
      return { entry, content: await this.#readSmall(entry) }
    } catch (error) {
      if (error instanceof AllmendError) return { entry: { path: entry.path, error }, content: undefined }
      throw error
    }
  }

  async #readSmall(entry: LocalEntry): Promise<SmallContent> {
    const file = await this.#client.files.open(entry)
    try {
      const bytes = new Uint8Array(entry.stat.size + 1)
      let length = 0
      for (;;) {
        const count = await file.read(bytes.subarray(length), length)
        if (count === 0) break
        length += count
        // It grew: the ordinary way will read it again.
        if (length === bytes.length) break
      }
      return { bytes: bytes.subarray(0, length), stat: await file.stat() }
    } finally {
      await file.close()
    }
  }

  async #entry(
    parent: OpenFolder,
    entry: LocalEntry,
    name: string,
    content: SmallContent | undefined,
  ): Promise<OpenFolder | undefined> {
    const existing = await this.#existing(parent, name)
    if (existing !== undefined && existing.metadata.kind !== entry.stat.kind)
      throw new LocalFailure(
        new ConflictError(
          `${name} is a ${existing.metadata.kind} in the pool and a ${entry.stat.kind} here; move one of them away first`,
          { path: entry.path },
        ),
      )
    if (entry.stat.kind === 'folder') return this.#folder(parent, entry, name, existing)
    if (entry.stat.kind === 'symlink') await this.#symlink(parent, entry, name, existing)
    else await this.#file(parent, entry, name, existing, content)
    return undefined
  }

  async #existing(parent: OpenFolder, name: string): Promise<RemoteNode | undefined> {
    if (parent.before === undefined) return undefined
    return (await this.#client.trees.children(parent.before)).byName.get(name)
  }

  async #folder(
    parent: OpenFolder,
    entry: LocalEntry,
    name: string,
    existing: RemoteNode | undefined,
  ): Promise<OpenFolder> {
    this.#count.folders++
    if (existing !== undefined) {
      const fresh = await freshen(this.#client, existing)
      const metadata = metadataOf(entry.stat, name)
      if (!sameMetadata(fresh.metadata, metadata)) {
        const change = metaChange(this.#client, fresh, metadata)
        this.#queue.reserve().put({ change, committed: () => undefined })
      }
      return { folder: folderOf(fresh), before: fresh }
    }
    const change = createChange(this.#client, parent.folder, metadataOf(entry.stat, name))
    this.#queue.reserve().put({ change, committed: () => undefined })
    const { node, gen, keys } = change
    return { folder: { space: parent.folder.space, id: node, gen, keys }, before: undefined }
  }

  async #symlink(
    parent: OpenFolder,
    entry: LocalEntry,
    name: string,
    existing: RemoteNode | undefined,
  ): Promise<void> {
    this.#count.symlinks++
    const metadata = metadataOf(entry.stat, name)
    if (existing !== undefined && sameMetadata(existing.metadata, metadata)) return
    const change =
      existing === undefined
        ? createChange(this.#client, parent.folder, metadata)
        : metaChange(this.#client, await freshen(this.#client, existing), metadata)
    this.#queue.reserve().put({ change, committed: () => undefined })
  }

  async #file(
    parent: OpenFolder,
    entry: LocalEntry,
    name: string,
    before: RemoteNode | undefined,
    small: SmallContent | undefined,
  ): Promise<void> {
    if (before !== undefined && this.#job.committed.get(entry.path) === entry.stat.fingerprint) {
      this.#count.files++
      this.#count.unchanged++
      this.#count.bytes += entry.stat.size
      this.#progress.known(entry.stat.size)
      return
    }
    const existing = before === undefined ? undefined : await freshen(this.#client, before)
    const slot = this.#queue.reserve()
    // The name's final state is only known after reading; it is set before `done` can be called.
    let stat = entry.stat
    const ready = (content: SealedContent) => {
      const size = content === 'unchanged' ? stat.size : content.manifest.size
      const metadata = metadataOf({ ...stat, size }, name)
      const committed = () => this.#job.commitFiles([{ path: entry.path, fingerprint: stat.fingerprint }])
      const change = this.#fileChange(parent, existing, metadata, content)
      if (change === undefined) {
        this.#count.unchanged++
        committed()
        slot.drop()
      } else slot.put({ change, committed })
    }
    try {
      if (small !== undefined && isWhole(small, entry)) {
        stat = small.stat
        await this.#sealer.file(readerOf(small.bytes), this.#chunksOf(existing), ready)
      } else stat = await this.#readLarge(entry, this.#chunksOf(existing), ready, (final) => (stat = final))
    } catch (error) {
      slot.drop()
      throw error
    }
    this.#count.files++
    this.#count.bytes += stat.size
    this.#report()
  }

  #chunksOf(existing: RemoteNode | undefined): (() => Promise<KnownContent | undefined>) | undefined {
    return existing === undefined ? undefined : () => allChunks(this.#client, existing)
  }

  async #readLarge(
    entry: LocalEntry,
    before: (() => Promise<KnownContent | undefined>) | undefined,
    ready: (content: SealedContent) => void,
    settle: (stat: LocalStat) => void,
  ): Promise<LocalStat> {
    const file = await this.#client.files.open(entry).catch(localFailure)
    try {
      const begun = await file.stat().catch(localFailure)
      let held: SealedContent | undefined
      let settled = false
      const bytes = await this.#sealer.file(
        (buffer, position) => {
          throwIfCancelled(this.#parameters.signal)
          return file.read(buffer, position).catch(localFailure)
        },
        before,
        (content) => {
          if (settled) ready(content)
          else held = content
        },
      )
      const ended = await file.stat().catch(localFailure)
      if (ended.fingerprint !== begun.fingerprint)
        this.#warnings.push(`${entry.path} changed while it was read; what was read is stored: put it again`)
      // Under the state in which it was begun, so that a put that resumes takes it for changed.
      const stat = { ...ended, size: bytes, fingerprint: begun.fingerprint }
      settle(stat)
      settled = true
      if (held !== undefined) ready(held)
      return stat
    } finally {
      await file.close()
    }
  }

  /** The change that brings the pool to this state, or undefined when it is there already. */
  #fileChange(
    parent: OpenFolder,
    existing: RemoteNode | undefined,
    metadata: Metadata,
    content: SealedContent,
  ): NewChange | undefined {
    if (content !== 'unchanged')
      return existing === undefined
        ? createChange(this.#client, parent.folder, metadata, content)
        : writeChange(this.#client, existing, metadata, content)
    // Only a file that was there can be unchanged.
    if (existing === undefined) throw new Error('a new file was taken for an old one')
    if (sameMetadata(existing.metadata, metadata)) return undefined
    return metaChange(this.#client, existing, metadata)
  }
}

/** Whether what was read ahead is the file as the walk met it; else it changed meanwhile and is read again. */
function isWhole({ bytes, stat }: SmallContent, entry: LocalEntry): boolean {
  return stat.fingerprint === entry.stat.fingerprint && bytes.length === stat.size
}

function readerOf(bytes: Uint8Array) {
  return (buffer: Uint8Array, position: number): Promise<number> => {
    const part = bytes.subarray(position, position + buffer.length)
    buffer.set(part)
    return Promise.resolve(part.length)
  }
}
