/**
 * Invariants: a folder is known by device and inode from the moment it was created or found, and each call enters exactly
 * that one, so no symlink that appears on the way can lead elsewhere; new names appear by rename, whole.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { ConflictError } from '../../core/open/errors.ts'
import type { LocalTarget, TargetFolder, TargetStat } from '../../ports/local-files.ts'
import { errnoOf } from '../disk/disk-error.ts'
import type { Fold } from './case-rules.ts'
import { probeCaseRules } from './case-rules.ts'
import { fileError } from './file-error.ts'
import { timeOf } from './file-times.ts'
import type { OpenFolder } from './folder-entry.ts'
import { NO_FOLLOW, identityOf, inFolder, openFolder } from './folder-entry.ts'
import { MODE_BITS, TargetFile } from './target-file.ts'
import { checkTargetName } from './target-name.ts'

const NEW_FILE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | NO_FOLLOW

export class NodeTargetFolder implements TargetFolder {
  readonly #path: string
  readonly #identity: string
  readonly #fold: Fold
  readonly #names = new Map<string, string>()

  private constructor(path: string, identity: string, fold: Fold) {
    this.#path = path
    this.#identity = identity
    this.#fold = fold
  }

  /** An existing folder; a symlink to one is followed, since it was named by the user. */
  static async open(path: string): Promise<NodeTargetFolder> {
    try {
      const real = await fs.realpath(path)
      const folder = openFolder(real)
      try {
        const fold = await probeCaseRules((name) => folder.at(name))
        return new NodeTargetFolder(real, identityOf(folder.stat), fold)
      } finally {
        folder.close()
      }
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR') throw new ConflictError(`${path} is no folder`, {}, { cause: error })
      throw fileError(path, error)
    }
  }

  async folder(name: string): Promise<TargetFolder> {
    const path = this.#claim(name)
    try {
      return await this.#within(async (here) => {
        try {
          await fs.mkdir(here.at(name), 0o700)
        } catch (error) {
          if (errnoOf(error) !== 'EEXIST') throw error
        }
        const made = openFolder(here.at(name))
        made.close()
        return new NodeTargetFolder(path, identityOf(made.stat), this.#fold)
      })
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ENOTDIR' && errno !== 'ELOOP') throw fileError(path, error)
      throw new ConflictError(`${path} is there already and is no folder`, { errno }, { cause: error })
    }
  }

  async file(name: string, stat: TargetStat): Promise<LocalTarget> {
    const path = this.#claim(name)
    const temporary = temporaryName()
    try {
      const handle = await this.#within((here) => fs.open(here.at(temporary), NEW_FILE, 0o600))
      const within = <T>(use: (folder: OpenFolder) => Promise<T>): Promise<T> => this.#within(use)
      return new TargetFile(handle, { path, name, temporary, within }, stat)
    } catch (error) {
      throw fileError(path, error)
    }
  }

  async symlink(name: string, target: string, stat: TargetStat): Promise<void> {
    const path = this.#claim(name)
    const temporary = temporaryName()
    try {
      await this.#within(async (here) => {
        await fs.symlink(target, here.at(temporary))
        try {
          const time = timeOf(stat.mtimeSeconds, stat.mtimeNanoseconds)
          await fs.lutimes(here.at(temporary), time, time)
          await fs.rename(here.at(temporary), here.at(name))
        } catch (error) {
          await fs.unlink(here.at(temporary))
          throw error
        }
      })
    } catch (error) {
      throw fileError(path, error)
    }
  }

  async finish(stat: TargetStat): Promise<void> {
    try {
      await this.#within(async (here) => {
        const time = timeOf(stat.mtimeSeconds, stat.mtimeNanoseconds)
        await fs.utimes(here.at('.'), time, time)
        await fs.chmod(here.at('.'), stat.mode & MODE_BITS)
      })
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }

  async #within<T>(use: (folder: OpenFolder) => Promise<T>): Promise<T> {
    return inFolder(this.#path, this.#identity, use)
  }

  /** Checks a name and that no other name of this run is the same to the file system. */
  #claim(name: string): string {
    checkTargetName(name)
    const form = this.#fold(name)
    const taken = this.#names.get(form)
    if (taken !== undefined && taken !== name)
      throw new ConflictError(
        `this file system can't hold ${JSON.stringify(taken)} and ${JSON.stringify(name)} in one folder`,
      )
    this.#names.set(form, name)
    return `${this.#path === '/' ? '' : this.#path}/${name}`
  }
}

function temporaryName(): string {
  return `.allmend-${randomBytes(8).toString('hex')}.part`
}
