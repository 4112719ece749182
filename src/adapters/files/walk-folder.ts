/**
 * Invariants: each folder is entered through its parent's descriptor and only while it is no symlink; folders come before
 * their content, names in byte order; what can't be read is yielded as a problem and passed over.
 */
import { Buffer } from 'node:buffer'
import * as fs from 'node:fs/promises'
import { fromUtf8 } from '../../core/open/bytes.ts'
import { ConflictError, UsageError } from '../../core/open/errors.ts'
import type { LocalEntry, LocalProblem } from '../../ports/local-files.ts'
import { fileError } from './file-error.ts'
import type { OpenFolder } from './folder-entry.ts'
import { identityOf, openFolder } from './folder-entry.ts'
import { checkSourceName, localStat } from './local-stat.ts'

/** Entries looked up at once: enough to keep the thread pool busy, few enough that what they say is still fresh. */
const BATCH = 64
/** Each level of nesting holds a descriptor. */
const MAX_DEPTH = 512

interface Level {
  readonly entry: LocalEntry
  readonly folder: OpenFolder
  readonly names: readonly Uint8Array[]
  next: number
  ready: (LocalEntry | LocalProblem)[]
}

/** Everything below a folder. */
export async function* walkFolder(root: LocalEntry): AsyncGenerator<LocalEntry | LocalProblem> {
  const levels: Level[] = []
  try {
    const first = await enter(root, root.path)
    if ('error' in first) yield first
    else levels.push(first)
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const item = level.ready.shift() ?? (await fill(level))
      if (item === undefined) {
        level.folder.close()
        levels.pop()
        continue
      }
      yield item
      if ('error' in item || item.stat.kind !== 'folder') continue
      if (levels.length >= MAX_DEPTH) {
        yield {
          path: item.path,
          error: new UsageError(`folders nested deeper than ${MAX_DEPTH} are left out`),
        }
        continue
      }
      const below = await enter(item, level.folder.at(item.names.at(-1)!))
      if ('error' in below) yield below
      else levels.push(below)
    }
  } finally {
    for (const level of levels) level.folder.close()
  }
}

async function enter(entry: LocalEntry, way: string): Promise<Level | LocalProblem> {
  let folder: OpenFolder | undefined
  try {
    folder = openFolder(way)
    if (!entry.stat.fingerprint.startsWith(`${identityOf(folder.stat)}:`))
      throw new ConflictError(`${entry.path} was replaced while it was being read`)
    const names = await fs.readdir(folder.at('.'), { encoding: 'buffer' })
    names.sort((a, b) => Buffer.compare(a, b))
    return { entry, folder, names, next: 0, ready: [] }
  } catch (error) {
    folder?.close()
    return { path: entry.path, error: fileError(entry.path, error) }
  }
}

async function fill(level: Level): Promise<LocalEntry | LocalProblem | undefined> {
  const batch = level.names.slice(level.next, level.next + BATCH)
  level.next += batch.length
  level.ready = await Promise.all(batch.map((name) => look(level, name)))
  return level.ready.shift()
}

async function look({ entry, folder }: Level, raw: Uint8Array): Promise<LocalEntry | LocalProblem> {
  const name = fromUtf8(raw)
  const path = `${entry.path === '/' ? '' : entry.path}/${name ?? Buffer.from(raw).toString('utf8')}`
  try {
    if (name === undefined) throw new UsageError(`the name ${path} isn't UTF-8`)
    checkSourceName(name, path)
    return { path, names: [...entry.names, name], stat: await statAt(folder.at(name), path) }
  } catch (error) {
    return { path, error: fileError(path, error) }
  }
}

/** What stands at `way` itself, told as `path`. */
export async function statAt(way: string, path: string): Promise<LocalEntry['stat']> {
  const stat = await fs.lstat(way, { bigint: true })
  if (!stat.isSymbolicLink()) return localStat(path, stat)
  return localStat(path, stat, await fs.readlink(way, { encoding: 'buffer' }))
}
