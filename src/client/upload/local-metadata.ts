import type { Metadata } from '../../core/secret/metadata.ts'
import type { LocalStat } from '../../ports/local-files.ts'

/** What the pool keeps of a local file's state. */
export function metadataOf(stat: LocalStat, name: string): Metadata {
  const { kind, mtimeSeconds, mtimeNanoseconds, mode, target } = stat
  const size = kind === 'file' ? stat.size : 0
  return {
    kind,
    name,
    size,
    mtimeSeconds,
    mtimeNanoseconds,
    mode: mode & 0o7777,
    ...(target === undefined ? {} : { target }),
  }
}

/** Whether nothing that a person would see differs. */
export function sameMetadata(a: Metadata, b: Metadata): boolean {
  return (
    a.kind === b.kind &&
    a.name === b.name &&
    a.size === b.size &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanoseconds === b.mtimeNanoseconds &&
    a.mode === b.mode &&
    a.target === b.target
  )
}
