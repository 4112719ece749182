import type { BigIntStats } from 'node:fs'
import { fromUtf8 } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import type { LocalStat } from '../../ports/local-files.ts'
import { identityOf } from './folder-entry.ts'

const NANOSECONDS = 1_000_000_000n

/** The port's view of a file; throws UsageError for devices, sockets and pipes, and for what can't be told exactly. */
export function localStat(path: string, stat: BigIntStats, target?: Uint8Array): LocalStat {
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'folder'
      : stat.isSymbolicLink()
        ? 'symlink'
        : undefined
  if (kind === undefined) throw new UsageError(`${path} is neither a file nor a folder nor a symlink`)
  // Floor division: times before 1970 are negative.
  const nanoseconds = ((stat.mtimeNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  const link = target === undefined ? undefined : fromUtf8(target)
  if (kind === 'symlink' && link === undefined)
    throw new UsageError(`the target of the symlink ${path} isn't UTF-8`)
  return {
    kind,
    size: kind === 'file' ? Number(stat.size) : 0,
    mtimeSeconds: Number((stat.mtimeNs - nanoseconds) / NANOSECONDS),
    mtimeNanoseconds: Number(nanoseconds),
    mode: Number(stat.mode) & 0o7777,
    ...(link === undefined ? {} : { target: link }),
    fingerprint: `${identityOf(stat)}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
  }
}

/** Throws UsageError for names with control characters: the pool's names have none, they would fool whoever lists them. */
export function checkSourceName(name: string, path: string): void {
  if (hasControl(name)) throw new UsageError(`the name ${JSON.stringify(path)} has control characters`)
}

export function hasControl(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return /[\u0000-\u001f\u007f]/.test(name)
}
