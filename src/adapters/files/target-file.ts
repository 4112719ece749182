/** A file that get writes: under a temporary name until it is whole, then renamed. */
import * as fs from 'node:fs/promises'
import type { LocalTarget, TargetStat } from '../../ports/local-files.ts'
import { errnoOf } from '../disk/disk-error.ts'
import { fileError } from './file-error.ts'
import { timeOf } from './file-times.ts'
import type { OpenFolder } from './folder-entry.ts'

/** What a target needs of its folder. */
export interface TargetPlace {
  /** The path to tell people. */
  readonly path: string
  readonly name: string
  readonly temporary: string
  within<T>(use: (folder: OpenFolder) => Promise<T>): Promise<T>
}

/** Permission bits that are restored: set-user-id and the like are not, whoever asks. */
export const MODE_BITS = 0o777

export class TargetFile implements LocalTarget {
  readonly #handle: fs.FileHandle
  readonly #place: TargetPlace
  readonly #stat: TargetStat
  #open = true

  constructor(handle: fs.FileHandle, place: TargetPlace, stat: TargetStat) {
    this.#handle = handle
    this.#place = place
    this.#stat = stat
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done)
        done += bytesWritten
      }
    } catch (error) {
      throw fileError(this.#place.path, error)
    }
  }

  async finish(): Promise<void> {
    const { name, temporary, path } = this.#place
    try {
      const { mode, mtimeSeconds, mtimeNanoseconds } = this.#stat
      const time = timeOf(mtimeSeconds, mtimeNanoseconds)
      await this.#handle.chmod(mode & MODE_BITS)
      await this.#handle.utimes(time, time)
      await this.#close()
      await this.#place.within((folder) => fs.rename(folder.at(temporary), folder.at(name)))
    } catch (error) {
      throw fileError(path, error)
    }
  }

  async discard(): Promise<void> {
    await this.#close()
    try {
      await this.#place.within((folder) => fs.unlink(folder.at(this.#place.temporary)))
    } catch (error) {
      // Renamed or discarded before.
      if (errnoOf(error) !== 'ENOENT') throw fileError(this.#place.path, error)
    }
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#handle.close()
  }
}
