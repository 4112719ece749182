import type { GetProgress } from '../../../client/operations/get.ts'
import { formatBytes } from './byte-size.ts'
import type { BarState } from './progress-bar.ts'

/** The bar of files that are being fetched. */
export function transferState({ files, totalFiles, bytes, totalBytes }: GetProgress): BarState {
  const text = `${files}/${totalFiles} files, ${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
  return { part: totalBytes === 0 ? 0 : bytes / totalBytes, done: bytes, total: totalBytes, text }
}
