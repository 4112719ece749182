/**
 * The member's own files: what put reads and what get writes. Hard promises of every adapter:
 * - names are the file system's bytes as UTF-8, never normalised; a name that isn't UTF-8 is a LocalProblem.
 * - reading never follows a symlink below the paths that were named.
 * - a target file appears under its name whole or not at all (temporary name, then rename); `discard` leaves nothing behind.
 *   `finish` doesn't fsync: the pool still has the bytes, and 10,000 small files would wait 20 s for the disk.
 * - writing never goes through a symlink or outside of the target folder, whatever the names are.
 */
import type { AllmendError } from '../core/open/errors.ts'

export interface LocalStat {
  readonly kind: 'file' | 'folder' | 'symlink'
  /** Bytes; 0 for folders and symlinks. */
  readonly size: number
  /** Modification time: whole seconds since 1970 (may be negative) and nanoseconds. */
  readonly mtimeSeconds: number
  readonly mtimeNanoseconds: number
  /** Permission bits, 0o777 and the like. */
  readonly mode: number
  /** For symlinks. */
  readonly target?: string
  /** Changes whenever the file was changed or replaced: device, inode, size, mtime, ctime. */
  readonly fingerprint: string
}

export interface LocalEntry {
  /** The path as the adapter opens it. */
  readonly path: string
  /** Names below the walked root, from outside in; empty for the root itself. */
  readonly names: readonly string[]
  readonly stat: LocalStat
}

/** Something that can't be read; the walk goes on. */
export interface LocalProblem {
  readonly path: string
  readonly error: AllmendError
}

export interface LocalFile {
  /** Fills `buffer` from `position` on as far as there are bytes; returns how many. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** The state now: another fingerprint than at the start means that the file changed while being read. */
  stat(): Promise<LocalStat>
  close(): Promise<void>
}

export interface LocalTarget {
  write(bytes: Uint8Array, position: number): Promise<void>
  finish(): Promise<void>
  discard(): Promise<void>
}

/** A folder that get writes into; every name is a single component, checked again here. */
export interface TargetFolder {
  /** Creates the folder if it isn't there; refuses what is there but no folder. */
  folder(name: string): Promise<TargetFolder>
  /** Starts a file that will replace what has this name. */
  file(name: string, stat: TargetStat): Promise<LocalTarget>
  symlink(name: string, target: string, stat: TargetStat): Promise<void>
  /** Sets the folder's own times and mode: after its content was written. */
  finish(stat: TargetStat): Promise<void>
}

export type TargetStat = Pick<LocalStat, 'size' | 'mtimeSeconds' | 'mtimeNanoseconds' | 'mode'>

export interface LocalFiles {
  /** The entry at a path itself; a symlink named directly is not followed. Throws NotFoundError, DeniedError. */
  stat(path: string): Promise<LocalEntry>
  /** The entry and all below it, folders before their content, names in byte order. */
  walk(path: string): AsyncIterable<LocalEntry | LocalProblem>
  open(entry: LocalEntry): Promise<LocalFile>
  /** An existing folder as a target. */
  target(path: string): Promise<TargetFolder>
  /** The last component of a path, as a name for it elsewhere (`.` and `..` resolved). */
  baseName(path: string): string
  /** The folder that a path stands in, as a path. */
  folderOf(path: string): string
  /** The same path in one absolute form: names a job across working directories. */
  absolute(path: string): string
}
