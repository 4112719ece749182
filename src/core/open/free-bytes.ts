/** Below, the garbage collector does it for less. */
const WORTH_FREEING = 4 * 1024

/**
 * Gives a buffer's memory back at once, for its only owner: `bytes` and all other views of the buffer are empty from now on.
 * The garbage collector would count every such buffer as pressure and mark the whole heap every few megabytes, which costs
 * more than what the bytes were used for. Cuts from a shared pool, which are never more than half of it, are left alone.
 */
export function freeBytes(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  if (byteLength < WORTH_FREEING || !(buffer instanceof ArrayBuffer)) return
  if (byteLength * 2 > buffer.byteLength) buffer.transfer(0)
}
