/**
 * Blobs as everybody may look at them: header + ciphertext, named by their hash. Invariants:
 * - a blob's id is the BLAKE3 of all its bytes, so any holder proves or refutes it by itself.
 * - a sealed blob has an 18-byte header (suite, "B", domain tag); a public list a 2-byte one (suite, "L").
 * - nothing that is larger than 1 MiB of plaintext and its overhead is a blob.
 */
import { equalBytes } from '../bytes.ts'
import { MalformedError, UntrustedError } from '../errors.ts'
import { SUITE } from '../objects/suite.ts'
import type { Primitives } from '../primitives.ts'

/** Plaintext of a blob: the chunker's cap, which bounds what any reader must hold. */
export const MAX_BLOB_PLAINTEXT_BYTES = 1024 * 1024
export const BLOB_HEADER_BYTES = 18
/** Header and GCM tag. */
export const BLOB_OVERHEAD = BLOB_HEADER_BYTES + 16
export const MAX_BLOB_BYTES = MAX_BLOB_PLAINTEXT_BYTES + BLOB_OVERHEAD

export const SEALED_BLOB_TYPE = 0x42
export const PUBLIC_LIST_TYPE = 0x4c
export const PUBLIC_LIST_HEADER_BYTES = 2

/** The id of a blob with these bytes. */
export function blobId(primitives: Pick<Primitives, 'blake3'>, bytes: Uint8Array): Uint8Array {
  return primitives.blake3(bytes)
}

/** Checks what a blob's form promises without any key; throws MalformedError. */
export function checkBlobForm(bytes: Uint8Array): void {
  const { length } = bytes
  if (length > MAX_BLOB_BYTES) throw new MalformedError('a blob that is too long', { length })
  if (bytes[0] !== SUITE) throw new MalformedError('a blob of an unknown suite', { suite: bytes[0] ?? -1 })
  if (bytes[1] === SEALED_BLOB_TYPE) {
    // A sealed chunk has at least one byte.
    if (length <= BLOB_OVERHEAD) throw new MalformedError('a blob that is cut short', { length })
    return
  }
  if (bytes[1] !== PUBLIC_LIST_TYPE)
    throw new MalformedError('a blob of an unknown type', { type: bytes[1] ?? -1 })
  if (length <= PUBLIC_LIST_HEADER_BYTES || (length - PUBLIC_LIST_HEADER_BYTES) % 32 !== 0)
    throw new MalformedError('a public list holds ids of 32 bytes', { length })
}

/** Throws MalformedError for what can be no blob, UntrustedError for bytes that are not this one's. */
export function verifyBlob(primitives: Pick<Primitives, 'blake3'>, id: Uint8Array, bytes: Uint8Array): void {
  checkBlobForm(bytes)
  if (!equalBytes(blobId(primitives, bytes), id))
    throw new UntrustedError("these bytes are not this blob's", { blob: id })
}
