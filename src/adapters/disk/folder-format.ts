/**
 * Every folder on disk says what it is and in which version, in a file `format` with one line:
 * `allmend <kind> <version> <crc32 of the text before it, 8 hex digits>`.
 * A version that we don't know is refused before anything in the folder is touched.
 */
import * as path from 'node:path'
import * as zlib from 'node:zlib'
import { FolderError } from '../../core/open/errors.ts'
import type { DiskFiles } from './disk-files.ts'
import { errnoOf } from './disk-error.ts'
import { replaceFile } from './replace-file.ts'

const FORMAT_FILE = 'format'

export type FolderFormat = 'known' | 'absent' | 'damaged'

/** The content of a folder's `format` file. */
export function formatLine(kind: string, version: number): string {
  const text = `allmend ${kind} ${version} `
  return `${text}${zlib.crc32(text).toString(16).padStart(8, '0')}\n`
}

/** What the folder's `format` file says; FolderError when it is intact and of another kind or version. */
export async function readFolderFormat(
  files: DiskFiles,
  folder: string,
  kind: string,
  version: number,
): Promise<FolderFormat> {
  let text: string
  try {
    text = await files.readFile(path.join(folder, FORMAT_FILE), 'latin1')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent'
    throw error
  }
  if (text === formatLine(kind, version)) return 'known'
  const found = /^allmend ([a-z-]{1,32}) (\d{1,6}) [0-9a-f]{8}\n$/.exec(text)
  if (found === null || formatLine(found[1]!, Number(found[2])) !== text) return 'damaged'
  throw new FolderError(`the folder ${folder} is not a ${kind} of version ${version}: ${text.trim()}`, {
    folder,
    kind: found[1]!,
    version: Number(found[2]),
  })
}

/** Marks the folder, durably. */
export function writeFolderFormat(
  files: DiskFiles,
  folder: string,
  kind: string,
  version: number,
): Promise<void> {
  return replaceFile(files, path.join(folder, FORMAT_FILE), Buffer.from(formatLine(kind, version), 'latin1'))
}
