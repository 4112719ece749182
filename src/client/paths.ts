import { entryNameProblem } from '../core/open/entry-name.ts'
import { UsageError } from '../core/open/errors.ts'

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
  const problem = entryNameProblem(name)
  if (problem !== undefined)
    throw new UsageError(`${JSON.stringify(name)} can't be a name: ${problem}`, { name })
}

/** Refuses two sources that would get the same name in one folder. */
export function checkDistinct(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw new UsageError(`two of these are named ${JSON.stringify(twice)}: bring them over one by one`, {
      name: twice,
    })
}

export function joinPath(names: readonly string[]): string {
  return `/${names.join('/')}`
}
