import * as fs from 'node:fs/promises'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { readFolderFormat, writeFolderFormat } from '../../adapters/disk/folder-format.ts'
import type { FolderLock } from '../../adapters/disk/folder-lock.ts'
import { fileError } from '../../adapters/files/file-error.ts'
import { waitForLock } from '../../adapters/files/wait-for-lock.ts'
import { ConflictError, FolderError } from '../../core/open/errors.ts'
import type { PoolLayout } from './pool-layout.ts'
import { readRunFile } from './run-file.ts'

const KIND = 'pool'
const VERSION = 1
/** A supervisor that is being stopped gives the folder up soon. */
const LOCK_WAIT_MS = 1_000

/** Makes a pool's folder where it isn't there, and locks it; throws ConflictError when a pool runs in it, FolderError. */
export async function takeFolder(layout: PoolLayout): Promise<FolderLock> {
  try {
    for (const folder of [layout.dir, layout.run, layout.tracker, layout.members, layout.logs])
      await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw fileError(layout.dir, error)
  }
  const format = await readFolderFormat(nodeFiles, layout.dir, KIND, VERSION)
  if (format === 'damaged') throw new FolderError(`${layout.dir}/format is damaged`, { dir: layout.dir })
  if (format === 'absent') await writeFolderFormat(nodeFiles, layout.dir, KIND, VERSION)
  try {
    return await waitForLock(layout.run, LOCK_WAIT_MS)
  } catch (cause) {
    if (!(cause instanceof FolderError)) throw cause
    const { supervisor } = await readRunFile(layout.run)
    throw new ConflictError(
      `a pool runs in ${layout.dir} already${supervisor === undefined ? '' : ` (process ${supervisor})`}: \`allmend down --dir ${layout.dir}\` stops it`,
      { dir: layout.dir, ...(supervisor === undefined ? {} : { pid: supervisor }) },
      { cause },
    )
  }
}
