import type { DiskFiles } from './disk-files.ts'

/**
 * Makes created, renamed and removed names of a folder durable. Windows can't open folders for that, and orders
 * metadata by NTFS's journal itself.
 */
export async function syncFolder(files: DiskFiles, folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await files.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
