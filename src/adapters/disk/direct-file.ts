/**
 * Writing around the system's page cache (O_DIRECT, on Linux). What a provider takes in is rarely read soon: through the cache it
 * costs a copy into fresh pages, which takes longer than everything else that is done with it, and drives out what other programs
 * read. Only whole blocks can be written so, from memory that begins with a page: it is copied there first.
 */
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errnoOf } from './disk-error.ts'
import type { DiskFiles } from './disk-files.ts'
import { writeAt } from './write-at.ts'

/** A multiple of every disk's blocks. */
const BLOCK_BYTES = 4_096
/** Below, the copy and the wait for the disk cost more than the cache does. */
const WORTHWHILE_BYTES = 512 * 1024
const STAGE_BYTES = 2 * 1024 * 1024
const WASM_PAGE_BYTES = 65_536
/** What file systems answer that can't. */
const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'])

/** Memory that begins with a page, as WebAssembly's does. One is used at a time but where several stores are open. */
const stages: Uint8Array[] = []

function takeStage(): Uint8Array {
  return (
    stages.pop() ?? new Uint8Array(new WebAssembly.Memory({ initial: STAGE_BYTES / WASM_PAGE_BYTES }).buffer)
  )
}

/** A second handle on a file, for its large writes. */
export class DirectFile {
  readonly #handle: FileHandle
  #usable = true

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** Undefined where system or file system have no such writes. */
  static async open(files: DiskFiles, path: string): Promise<DirectFile | undefined> {
    // Undefined on other systems, whatever the types say.
    const flag: number | undefined = constants.O_DIRECT
    if (flag === undefined) return undefined
    try {
      return new DirectFile(await files.open(path, constants.O_WRONLY | flag))
    } catch (error) {
      if (UNSUPPORTED.has(errnoOf(error))) return undefined
      throw error
    }
  }

  /** Writes the parts one after the other from `position` on; what doesn't fill whole blocks goes through `cached`. */
  async writeAt(cached: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
    const end = position + parts.reduce((sum, part) => sum + part.length, 0)
    const first = Math.ceil(position / BLOCK_BYTES) * BLOCK_BYTES
    const last = Math.floor(end / BLOCK_BYTES) * BLOCK_BYTES
    const cut = (from: number, to: number): Uint8Array[] => slice(parts, from - position, to - position)
    if (!this.#usable || last - first < WORTHWHILE_BYTES) return writeAt(cached, parts, position)
    await writeAt(cached, cut(position, first), position)
    const written = await this.#writeBlocks(cut, first, last)
    await writeAt(cached, cut(written, end), written)
  }

  /** Writes from `first` on and returns how far it got: up to `last`, less only where the file system doesn't go on. */
  async #writeBlocks(
    cut: (from: number, to: number) => Uint8Array[],
    first: number,
    last: number,
  ): Promise<number> {
    const stage = takeStage()
    try {
      let at = first
      while (at < last) {
        const length = Math.min(last - at, STAGE_BYTES)
        let filled = 0
        for (const part of cut(at, at + length)) {
          stage.set(part, filled)
          filled += part.length
        }
        const { bytesWritten } = await this.#handle.write(stage, 0, length, at)
        at += bytesWritten
        if (bytesWritten === 0 || bytesWritten % BLOCK_BYTES !== 0) return at
      }
      return at
    } catch (error) {
      if (!UNSUPPORTED.has(errnoOf(error))) throw error
      this.#usable = false
      return first
    } finally {
      stages.push(stage)
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** The bytes from..to-1 of the parts as if they were one. */
function slice(parts: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const out: Uint8Array[] = []
  let at = 0
  for (const part of parts) {
    const begin = Math.max(from - at, 0)
    const end = Math.min(to - at, part.length)
    if (begin < end) out.push(part.subarray(begin, end))
    at += part.length
  }
  return out
}
