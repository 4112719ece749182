/**
 * The real file system, until it fails at a chosen operation. `kill`: from there on nothing happens any more, and the write
 * under way is half done. `power`: besides, what wasn't synced is there or not, block by block and name by name, as the
 * seed says. `full` and `broken`: writes (and syncs) from there on fail with ENOSPC or EIO, until `heal()`.
 */
import * as fs from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { DiskFiles } from '../../src/adapters/disk/disk-files.ts'
import { seededRandom } from './shard-store-random.ts'

const BLOCK_BYTES = 512

export type Failure = 'kill' | 'power' | 'full' | 'broken'

class SystemError extends Error {
  readonly code: string

  constructor(code: string) {
    super(`${code}: made up for a test`)
    this.code = code
  }
}

export class FailingDisk {
  /** Operations that changed something so far. */
  operations = 0
  readonly files: DiskFiles
  readonly #failAt: number
  readonly #failure: Failure
  readonly #random: () => number
  #healed = false
  /** Content that is certain to be on disk, of files changed since. */
  readonly #synced = new Map<string, Buffer>()
  /** How to take back changes of names that weren't synced, oldest first. */
  readonly #undo: (() => Promise<void>)[] = []

  constructor(failure: Failure, failAt: number, seed: number) {
    this.#failure = failure
    this.#failAt = failAt
    this.#random = seededRandom(seed)
    this.files = {
      mkdir: fs.mkdir,
      readdir: fs.readdir,
      readFile: fs.readFile,
      writeFile: fs.writeFile,
      stat: fs.stat,
      open: async (path, flags, mode) => this.#open(String(path), flags, mode),
      rename: async (from, to) => {
        await this.#step()
        await fs.rename(from, to)
        this.#undo.push(() => fs.rename(to, from))
        const content = this.#synced.get(String(from))
        if (content !== undefined) this.#synced.set(String(to), content)
        this.#synced.delete(String(from))
      },
      unlink: async (path) => {
        await this.#step()
        const content = await fs.readFile(path)
        await fs.unlink(path)
        this.#synced.delete(String(path))
        this.#undo.push(() => fs.writeFile(path, content))
      },
    }
  }

  get failed(): boolean {
    return this.operations >= this.#failAt && !this.#healed
  }

  heal(): void {
    this.#healed = true
  }

  /** Loses what a power failure may lose. */
  async loseUnsynced(): Promise<void> {
    if (this.#failure !== 'power') return
    for (const [path, before] of this.#synced) {
      const after = await fs.readFile(path)
      const length = this.#random() < 0.5 ? after.length : Math.min(before.length, after.length)
      const content = Buffer.alloc(length)
      for (let at = 0; at < length; at += BLOCK_BYTES) {
        const source = this.#random() < 0.5 ? before : after
        if (at < source.length) source.copy(content, at, at, Math.min(at + BLOCK_BYTES, length))
      }
      await fs.writeFile(path, content)
    }
    for (const undo of this.#undo.toReversed()) {
      if (this.#random() < 0.5) await undo()
    }
  }

  /** Counts an operation; throws when it must not happen. */
  async #step(halfway?: () => Promise<unknown>): Promise<void> {
    this.operations++
    if (!this.failed) return
    if (this.operations === this.#failAt) await halfway?.()
    throw new SystemError(this.#failure === 'full' ? 'ENOSPC' : 'EIO')
  }

  async #open(path: string, flags?: string | number, mode?: string | number): Promise<FileHandle> {
    const creates = typeof flags === 'string' && flags.startsWith('w')
    if (creates) await this.#step()
    const handle = await fs.open(path, flags, mode)
    if (flags === 'wx' || flags === 'wx+') {
      this.#synced.set(path, Buffer.alloc(0))
      // A file that was renamed since is another name's concern.
      this.#undo.push(() => fs.rm(path, { force: true }))
    }
    return this.#wrap(path, handle)
  }

  #wrap(path: string, handle: FileHandle): FileHandle {
    const touch = async (): Promise<void> => {
      if (!this.#synced.has(path)) this.#synced.set(path, await fs.readFile(path))
    }
    const sync = async (): Promise<void> => {
      await this.#step()
      if ((await handle.stat()).isDirectory()) this.#undo.length = 0
      this.#synced.delete(path)
    }
    const writev = async (
      buffers: readonly NodeJS.ArrayBufferView[],
      position?: number,
    ): Promise<unknown> => {
      const all = Buffer.concat(buffers.map((b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength)))
      await touch()
      await this.#step(() => handle.write(all, 0, Math.floor(all.length / 2), position))
      return handle.writev(buffers, position)
    }
    const changed: Partial<Record<keyof FileHandle, unknown>> = {
      writev,
      write: async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        await writev([bytes.subarray(offset, offset + length)], position)
        return { bytesWritten: length, buffer: bytes }
      },
      truncate: async (length: number) => {
        await touch()
        await this.#step()
        await handle.truncate(length)
      },
      sync,
      datasync: sync,
    }
    return new Proxy(handle, {
      get: (target, property) => {
        const replacement = changed[property as keyof FileHandle]
        if (replacement !== undefined) return replacement
        const value: unknown = Reflect.get(target, property, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}
