import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { nodeFiles } from '../../adapters/disk/disk-files.ts'
import { errnoOf } from '../../adapters/disk/disk-error.ts'
import { syncFolder } from '../../adapters/disk/sync-folder.ts'
import { fileError } from '../../adapters/files/file-error.ts'

/** Writes a file that only its owner may read, durably and all at once. */
export async function writePrivateFile(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${file}.tmp`
  try {
    // Removed first: an old one could have wider permissions.
    await fs.rm(temporary, { force: true })
    const handle = await fs.open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(temporary, file)
    await syncFolder(nodeFiles, path.dirname(file))
  } catch (error) {
    throw fileError(file, error)
  }
}

/** The file's bytes, or undefined when it isn't there. */
export async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw fileError(file, error)
  }
}
