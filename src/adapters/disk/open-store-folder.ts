import * as path from 'node:path'
import { FolderError } from '../../core/open/errors.ts'
import type { DiskFiles } from './disk-files.ts'
import { readFolderFormat, writeFolderFormat } from './folder-format.ts'
import type { FolderLock } from './folder-lock.ts'
import { lockFolder } from './folder-lock.ts'
import { syncFolder } from './sync-folder.ts'
import { WatermarkFile } from './watermark.ts'

const KIND = 'shard-store'
const VERSION = 1
const OURS = new Set(['format', 'format.tmp', 'lock', 'lock-journal', 'watermark', 'segments'])

export interface StoreFolder {
  readonly lock: FolderLock
  readonly watermark: WatermarkFile
  /** The folder of the segment files. */
  readonly segments: string
  /** Whether the `format` file had to be written anew. */
  readonly formatDamaged: boolean
}

/**
 * Creates the store's folder, or takes it over. FolderError when another process has it, when it is of an unknown version,
 * or when it holds files of something else.
 */
export async function openStoreFolder(files: DiskFiles, folder: string): Promise<StoreFolder> {
  await files.mkdir(folder, { recursive: true })
  const format = await readFolderFormat(files, folder, KIND, VERSION)
  if (format !== 'known') await refuseForeign(files, folder)
  const lock = lockFolder(folder)
  try {
    const segments = path.join(folder, 'segments')
    await files.mkdir(segments, { recursive: true })
    const watermark = await WatermarkFile.open(files, path.join(folder, 'watermark'))
    try {
      if (format !== 'known') {
        await writeFolderFormat(files, folder, KIND, VERSION)
        await syncFolder(files, path.dirname(path.resolve(folder)))
      }
    } catch (error) {
      await watermark.close()
      throw error
    }
    return { lock, watermark, segments, formatDamaged: format === 'damaged' }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function refuseForeign(files: DiskFiles, folder: string): Promise<void> {
  const foreign = (await files.readdir(folder)).find((name) => !OURS.has(name))
  if (foreign === undefined) return
  throw new FolderError(`the folder ${folder} holds other files than a shard store's`, { folder, foreign })
}
