import * as path from 'node:path'
import type { DiskFiles } from './disk-files.ts'
import { syncFolder } from './sync-folder.ts'

/** Writes a small file durably and all at once: afterwards it has either its old or its new content. */
export async function replaceFile(files: DiskFiles, name: string, content: Uint8Array): Promise<void> {
  const temporary = `${name}.tmp`
  const handle = await files.open(temporary, 'w')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await files.rename(temporary, name)
  await syncFolder(files, path.dirname(name))
}
