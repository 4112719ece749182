import { ConflictError, NotFoundError } from '../../core/open/errors.ts'
import type { LocalFiles, LocalStat, TargetFolder } from '../../ports/local-files.ts'

/** Where a get goes, and the new name of its only source unless that is a folder here. */
export async function targetOf(
  files: LocalFiles,
  target: string,
  sources: number,
): Promise<{ folder: TargetFolder; name: string | undefined }> {
  const existing = await files.stat(target).catch((error: unknown) => {
    if (error instanceof NotFoundError) return undefined
    throw error
  })
  const into = await existingFolder(files, target, existing?.stat.kind)
  if (into !== undefined) return { folder: into, name: undefined }
  if (sources > 1 || target.endsWith('/'))
    throw new NotFoundError(`${target} is no folder here; make it first`, { path: target })
  return { folder: await files.target(files.folderOf(target)), name: files.baseName(target) }
}

/** The target where it is a folder, or a symlink to one: the user named it, so it is followed. */
async function existingFolder(
  files: LocalFiles,
  target: string,
  kind: LocalStat['kind'] | undefined,
): Promise<TargetFolder | undefined> {
  if (kind === 'folder') return files.target(target)
  if (kind !== 'symlink') return undefined
  return files.target(target).catch((error: unknown) => {
    if (error instanceof NotFoundError || error instanceof ConflictError) return undefined
    throw error
  })
}
