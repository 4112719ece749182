import * as fs from 'node:fs'
import * as path from 'node:path'
import { ConflictError, UsageError } from '../../core/open/errors.ts'
import type { LocalEntry, LocalFile, LocalFiles, LocalStat } from '../../ports/local-files.ts'
import { fileError } from './file-error.ts'
import { NO_FOLLOW, identityOf, shorten } from './folder-entry.ts'
import { checkSourceName, localStat } from './local-stat.ts'
import { NodeTargetFolder } from './node-target-folder.ts'
import { statAt, walkFolder } from './walk-folder.ts'

/** A pipe that took a file's place must not hold us up. */
const READ_FLAGS = fs.constants.O_RDONLY | NO_FOLLOW | (fs.constants.O_NONBLOCK ?? 0)

class NodeLocalFile implements LocalFile {
  readonly #handle: fs.promises.FileHandle
  readonly #path: string

  constructor(handle: fs.promises.FileHandle, path: string) {
    this.#handle = handle
    this.#path = path
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0
    try {
      while (done < buffer.length) {
        const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
    } catch (error) {
      throw fileError(this.#path, error)
    }
    return done
  }

  async stat(): Promise<LocalStat> {
    try {
      return localStat(this.#path, await this.#handle.stat({ bigint: true }))
    } catch (error) {
      throw fileError(this.#path, error)
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** The member's files through node:fs. Paths are relative to the working folder. */
export const nodeLocalFiles: LocalFiles = {
  async stat(named) {
    const absolute = absolutePath(named)
    try {
      return { path: absolute, names: [], stat: await reach(absolute, (way) => statAt(way, named)) }
    } catch (error) {
      throw fileError(named, error)
    }
  },

  async *walk(named) {
    const root = await nodeLocalFiles.stat(named)
    yield root
    if (root.stat.kind === 'folder') yield* walkFolder(root)
  },

  open: openEntry,

  target: (named) => NodeTargetFolder.open(absolutePath(named)),

  absolute: absolutePath,

  folderOf: (named) => path.dirname(absolutePath(named)),

  baseName(named) {
    const absolute = absolutePath(named)
    const name = path.basename(absolute)
    // What `..` leads to is the file system's to say: the folder before it may be a symlink.
    const real = name === '..' || name === '.' ? path.basename(realPath(absolute)) : name
    checkSourceName(real, named)
    if (real === '') throw new UsageError(`${named} has no name of its own`)
    return real
  },
}

async function openEntry(entry: LocalEntry): Promise<LocalFile> {
  let handle: fs.promises.FileHandle | undefined
  try {
    handle = await reach(entry.path, (way) => fs.promises.open(way, READ_FLAGS))
    const stat = await handle.stat({ bigint: true })
    if (!stat.isFile() || !entry.stat.fingerprint.startsWith(`${identityOf(stat)}:`))
      throw new ConflictError(`${entry.path} was replaced while it was being read`)
    return new NodeLocalFile(handle, entry.path)
  } catch (error) {
    await handle?.close()
    throw fileError(entry.path, error)
  }
}

async function reach<T>(path: string, use: (way: string) => Promise<T>): Promise<T> {
  const { way, release } = shorten(path)
  try {
    return await use(way)
  } finally {
    release()
  }
}

function absolutePath(named: string): string {
  if (named === '') throw new UsageError('an empty path names nothing')
  const absolute = path.isAbsolute(named) ? named : `${process.cwd()}/${named}`
  // path.resolve would take `link/..` for the folder that holds the link.
  return absolute.split(/[/\\]/).includes('..') ? absolute.replace(/(?<=.)\/+$/, '') : path.resolve(absolute)
}

function realPath(absolute: string): string {
  try {
    return fs.realpathSync.native(absolute)
  } catch (error) {
    throw fileError(absolute, error)
  }
}
