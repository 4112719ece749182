import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'

/** Reads up to `length` bytes at `position`; fewer only at the file's end. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(out, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return out.subarray(0, filled)
}
