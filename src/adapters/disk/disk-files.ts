import * as fs from 'node:fs/promises'

/** The file system calls that the store stands on; tests put failing disks in their place. */
export type DiskFiles = Pick<
  typeof fs,
  'open' | 'rename' | 'unlink' | 'readdir' | 'mkdir' | 'stat' | 'readFile' | 'writeFile'
>

export const nodeFiles: DiskFiles = fs
