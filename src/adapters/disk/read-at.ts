import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { allocateBytes } from '../../core/open/free-bytes.ts'
import { errnoOf } from './disk-error.ts'

/** What a disk loses at once when it can't read a sector. */
const BLOCK_BYTES = 4_096

/**
 * Reads up to `length` bytes at `position`; fewer only at the file's end. Places that the medium can't read any more count as
 * zeros: everything that is read is verified, so they become damage of what lies there and of nothing else. The caller may free
 * the bytes.
 */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const out = Buffer.from(allocateBytes(length).buffer, 0, length)
  let filled = 0
  let step = length
  while (filled < length) {
    const wanted = Math.min(step, length - filled)
    try {
      const { bytesRead } = await handle.read(out, filled, wanted, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    } catch (error) {
      if (errnoOf(error) !== 'EIO') throw error
      if (step > BLOCK_BYTES) {
        step = BLOCK_BYTES
        continue
      }
      out.fill(0, filled, filled + wanted)
      filled += wanted
    }
  }
  return out.subarray(0, filled)
}
