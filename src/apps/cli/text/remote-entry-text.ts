import type { RemoteEntry } from '../../../client/operations/remote-entry.ts'

const LETTERS = { file: '-', folder: 'd', symlink: 'l' } as const

/** Kind and permissions as `ls` writes them. */
export function modeText({ kind, mode }: Pick<RemoteEntry, 'kind' | 'mode'>): string {
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-'))
  return LETTERS[kind] + bits.join('')
}

/** ISO 8601 to the second, UTC. */
export function entryTime({ mtimeSeconds }: Pick<RemoteEntry, 'mtimeSeconds'>): string {
  const date = new Date(mtimeSeconds * 1_000)
  // A hostile or odd file system's times reach beyond what a Date holds.
  return Number.isNaN(date.getTime()) ? `@${mtimeSeconds}` : `${date.toISOString().slice(0, 19)}Z`
}

/** An entry for JSON. */
export function entryDocument(entry: RemoteEntry): Readonly<Record<string, unknown>> {
  return { ...entry, mtime: entryTime(entry) }
}
