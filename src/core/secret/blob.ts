/**
 * Sealing of chunks (docs/spec/blob.md): key = DedupKeys of codec and coded bytes, AES-256-GCM with AAD = header, id = BLAKE3 of
 * header + ciphertext + tag. Invariants:
 * - the nonce is fixed because a key belongs to one (codec, bytes): the same key always encrypts the same plaintext.
 * - opening checks the id first, then the tag, then that the plaintext has exactly the declared length; decompression stops there.
 */
import {
  BLOB_HEADER_BYTES,
  BLOB_OVERHEAD,
  MAX_BLOB_PLAINTEXT_BYTES,
  SEALED_BLOB_TYPE,
  blobId,
  verifyBlob,
} from '../open/blobs/blob-id.ts'
import { compressible } from '../open/blobs/compressible.ts'
import { UntrustedError, UsageError } from '../open/errors.ts'
import type { Primitives } from '../open/primitives.ts'
import type { DedupKeys } from './dedup-keys.ts'

export const CODEC_STORED = 0
export const CODEC_ZSTD = 1
export type BlobCodec = typeof CODEC_STORED | typeof CODEC_ZSTD

/** The compressed form is taken from 3 % on: less isn't worth a decompression at every read. */
const WORTHWHILE = 0.97

/** What a manifest says of a blob. */
export interface BlobRef {
  readonly id: Uint8Array
  readonly key: Uint8Array
  readonly codec: BlobCodec
  /** Length of the blob: header, ciphertext, tag. */
  readonly stored: number
  /** Length of the plaintext, 1 to 1 MiB. */
  readonly plain: number
}

export interface SealedBlob extends BlobRef {
  readonly bytes: Uint8Array
}

/** Seals 1 byte to 1 MiB; with `compress`, tries zstd where a probe says that it pays. */
export function sealBlob(
  primitives: Primitives,
  keys: DedupKeys,
  plaintext: Uint8Array,
  { compress }: { readonly compress: boolean },
): SealedBlob {
  const plain = plaintext.length
  if (plain === 0 || plain > MAX_BLOB_PLAINTEXT_BYTES)
    throw new UsageError('a blob holds 1 byte to 1 MiB', { plain })
  let codec: BlobCodec = CODEC_STORED
  let coded = plaintext
  if (compress && compressible(plaintext)) {
    const compressed = primitives.zstdCompress(plaintext)
    if (compressed.length <= plain * WORTHWHILE) {
      codec = CODEC_ZSTD
      coded = compressed
    }
  }
  const key = keys.blobKey(codec, coded)
  const bytes = primitives.gcmSeal(key, keys.header, coded, keys.header)
  return { id: blobId(primitives, bytes), key, codec, stored: bytes.length, plain, bytes }
}

/**
 * The plaintext of a blob, from bytes that anybody may have sent. Throws MalformedError or UntrustedError; `BlobRef` comes from a
 * verified manifest. With `verified` the caller says that these very bytes passed `verifyBlob` for this id.
 */
export function openBlob(
  primitives: Primitives,
  ref: BlobRef,
  bytes: Uint8Array,
  { verified = false }: { readonly verified?: boolean } = {},
): Uint8Array {
  if (bytes.length !== ref.stored)
    throw new UntrustedError("a blob that hasn't its length", { blob: ref.id, length: bytes.length })
  if (!verified) verifyBlob(primitives, ref.id, bytes)
  if (bytes[1] !== SEALED_BLOB_TYPE || bytes.length <= BLOB_OVERHEAD)
    throw new UntrustedError('this blob holds no chunk', { blob: ref.id })
  const header = bytes.subarray(0, BLOB_HEADER_BYTES)
  const coded = primitives.gcmOpen(ref.key, header, bytes.subarray(BLOB_HEADER_BYTES))
  if (coded === undefined) throw new UntrustedError("a blob that its key doesn't open", { blob: ref.id })
  const plaintext = ref.codec === CODEC_ZSTD ? primitives.zstdDecompress(coded, ref.plain) : coded
  if (plaintext?.length !== ref.plain)
    throw new UntrustedError("a blob whose content hasn't the declared length", { blob: ref.id })
  return plaintext
}
