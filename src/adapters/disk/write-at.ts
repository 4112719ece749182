import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'

/** Smaller parts are copied together: a system call a part would cost more. */
const COPY_BELOW_BYTES = 64 * 1024

/** Writes all parts one after the other from `position` on. */
export async function writeAt(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let left = coalesce(parts)
  let at = position
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, at)
    at += bytesWritten
    left = skip(left, bytesWritten)
  }
}

function coalesce(parts: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = []
  let small: Uint8Array[] = []
  const flush = (): void => {
    if (small.length > 0) out.push(small.length === 1 ? small[0]! : Buffer.concat(small))
    small = []
  }
  for (const part of parts) {
    if (part.length === 0) continue
    if (part.length < COPY_BELOW_BYTES) {
      small.push(part)
      continue
    }
    flush()
    out.push(part)
  }
  flush()
  return out
}

/** What is left of the parts after a short write. */
function skip(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  const out: Uint8Array[] = []
  for (const part of parts) {
    if (left >= part.length) {
      left -= part.length
      continue
    }
    out.push(left === 0 ? part : part.subarray(left))
    left = 0
  }
  return out
}
