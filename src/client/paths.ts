import { utf8 } from '../core/open/bytes.ts'
import { UsageError } from '../core/open/errors.ts'

/** A name's limit, bytes of UTF-8, as in metadata. */
const MAX_NAME_BYTES = 255
/** Deep enough for any tree of 100 folders and then some; bounds what a path costs. */
const MAX_DEPTH = 4_096

/** The names of a remote path `/space/folder/name`; empty components are dropped, `.` and `..` are refused. */
export function splitPath(path: string): string[] {
  if (!path.startsWith('/'))
    throw new UsageError(`remote paths start with a slash and a space, like /home/notes: ${path}`, { path })
  const names = path.split('/').filter((name) => name !== '')
  if (names.length > MAX_DEPTH) throw new UsageError('this path is too deep', { depth: names.length })
  for (const name of names) checkName(name)
  return names
}

/** Refuses what can't be one component of a path. */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw new UsageError(`this can't be a name: ${JSON.stringify(name)}`, { name })
  if (utf8(name).length > MAX_NAME_BYTES)
    throw new UsageError(`a name has at most ${MAX_NAME_BYTES} bytes`, { name })
}

export function joinPath(names: readonly string[]): string {
  return `/${names.join('/')}`
}
