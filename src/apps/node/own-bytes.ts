/** The same bytes as a plain array that has its buffer to itself, so that they can move to another thread; copied only if need be. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  const alone = buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength
  return alone ? new Uint8Array(buffer) : new Uint8Array(bytes)
}
