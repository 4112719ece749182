/**
 * Folders by descriptor, so that a path is looked up once and stays the same folder, whatever is renamed meanwhile, and so
 * that paths may be longer than the system takes at once (4,096 bytes on Linux). Node has no openat: on Linux
 * `/proc/self/fd/N/name` does the same. Elsewhere plain paths are used, and the folder's identity is checked before.
 */
import { Buffer } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import * as fs from 'node:fs'
import { ConflictError } from '../../core/open/errors.ts'
import { errnoOf } from '../disk/disk-error.ts'

/** Linux: a descriptor that names the folder without reading it, so that search permission is enough. */
const O_PATH = 0o10000000
/** Below PATH_MAX with room for `/proc/self/fd/N/` and a name of 255 bytes. */
const MAX_PATH_BYTES = 3_800

/** What opening says of a folder that is no longer there. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

const byDescriptor = process.platform === 'linux' && fs.existsSync('/proc/self/fd')
export const NO_FOLLOW = fs.constants.O_NOFOLLOW ?? 0
const FOLDER_FLAGS = byDescriptor
  ? O_PATH | fs.constants.O_DIRECTORY
  : fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0)

/** How names in an open folder are reached; good until `close`. */
export interface OpenFolder {
  /** A path for system calls to `name`, or to the folder itself for `.`. */
  at(name: string): string
  readonly stat: BigIntStats
  close(): void
}

/** Opens the folder that a path of any length names; throws when its last component is a symlink. */
export function openFolder(path: string): OpenFolder {
  if (process.platform === 'win32') return lookAtFolder(path)
  const { way, release } = shorten(path)
  let fd: number
  try {
    fd = fs.openSync(way, FOLDER_FLAGS | NO_FOLLOW)
  } finally {
    release()
  }
  try {
    return {
      at: (name) => (byDescriptor ? `/proc/self/fd/${fd}/${name}` : `${path}/${name}`),
      stat: fs.fstatSync(fd, { bigint: true }),
      close: () => fs.closeSync(fd),
    }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** Windows opens no folders: all that can be done is to look first. */
function lookAtFolder(path: string): OpenFolder {
  const stat = fs.lstatSync(path, { bigint: true })
  if (!stat.isDirectory()) throw new ConflictError(`${path} is no folder`)
  return { at: (name) => `${path}/${name}`, stat, close: () => {} }
}

/** Runs `use` in the folder at `path`, which must still be the one with this identity; else ConflictError. */
export async function inFolder<T>(
  path: string,
  identity: string,
  use: (folder: OpenFolder) => Promise<T>,
): Promise<T> {
  const folder = reopenFolder(path, identity)
  try {
    return await use(folder)
  } finally {
    folder.close()
  }
}

function reopenFolder(path: string, identity: string): OpenFolder {
  let folder: OpenFolder
  try {
    folder = openFolder(path)
  } catch (cause) {
    if (!GONE.has(errnoOf(cause))) throw cause
    throw new ConflictError(`the folder ${path} was removed or replaced meanwhile`, {}, { cause })
  }
  if (identityOf(folder.stat) === identity) return folder
  folder.close()
  throw new ConflictError(`the folder ${path} was replaced by another one meanwhile`)
}

/** Which file this is, as long as it exists. */
export function identityOf(stat: BigIntStats): string {
  return `${stat.dev.toString(16)}:${stat.ino.toString(16)}`
}

/** A way to the same place as `path` that system calls take; good until `release`. */
export function shorten(path: string): { readonly way: string; release(): void } {
  if (!byDescriptor || Buffer.byteLength(path) <= MAX_PATH_BYTES) return { way: path, release: () => {} }
  let fd: number | undefined
  const release = () => {
    if (fd !== undefined) fs.closeSync(fd)
    fd = undefined
  }
  const base = () => (fd === undefined ? '' : `/proc/self/fd/${fd}`)
  try {
    let pending = ''
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (Buffer.byteLength(pending) + Buffer.byteLength(name) + 1 > MAX_PATH_BYTES) {
        const next = fs.openSync(base() + pending, FOLDER_FLAGS)
        release()
        fd = next
        pending = ''
      }
      pending += `/${name}`
    }
    return { way: base() + pending, release }
  } catch (error) {
    release()
    throw error
  }
}
