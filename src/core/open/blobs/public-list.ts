/**
 * Public lists: blobs that hold nothing but blob ids, for versions that need more of them than a change holds. Unencrypted, so
 * that who collects garbage can count references without keys. Invariant: ids rise strictly; one set has one encoding.
 */
import { compareBytes } from '../bytes.ts'
import {
  MAX_BLOB_PLAINTEXT_BYTES,
  PUBLIC_LIST_HEADER_BYTES,
  PUBLIC_LIST_TYPE,
  blobId,
  checkBlobForm,
} from './blob-id.ts'
import { MalformedError, UsageError } from '../errors.ts'
import { ID_BYTES, SUITE } from '../objects/suite.ts'
import type { Primitives } from '../primitives.ts'

/** As many ids as 1 MiB holds beside the header. */
export const MAX_PUBLIC_LIST_IDS = Math.floor(
  (MAX_BLOB_PLAINTEXT_BYTES - PUBLIC_LIST_HEADER_BYTES) / ID_BYTES,
)

/** The list of these ids in any order, duplicates dropped: 1 to 32,767 different ones. */
export function encodePublicList(
  primitives: Pick<Primitives, 'blake3'>,
  ids: readonly Uint8Array[],
): { readonly id: Uint8Array; readonly bytes: Uint8Array } {
  const sorted = ids
    .toSorted(compareBytes)
    .filter((id, i, all) => i === 0 || compareBytes(all[i - 1]!, id) !== 0)
  if (sorted.length === 0 || sorted.length > MAX_PUBLIC_LIST_IDS)
    throw new UsageError(`a public list holds 1 to ${MAX_PUBLIC_LIST_IDS} ids`, { ids: sorted.length })
  const bytes = new Uint8Array(PUBLIC_LIST_HEADER_BYTES + sorted.length * ID_BYTES)
  bytes[0] = SUITE
  bytes[1] = PUBLIC_LIST_TYPE
  sorted.forEach((id, i) => {
    if (id.length !== ID_BYTES) throw new UsageError('a blob id has 32 bytes', { length: id.length })
    bytes.set(id, PUBLIC_LIST_HEADER_BYTES + i * ID_BYTES)
  })
  return { id: blobId(primitives, bytes), bytes }
}

/** The ids, rising; views of `bytes`, whose hash the caller has checked. Throws MalformedError. */
export function decodePublicList(bytes: Uint8Array): Uint8Array[] {
  checkBlobForm(bytes)
  if (bytes[1] !== PUBLIC_LIST_TYPE) throw new MalformedError('this blob is no public list')
  const ids: Uint8Array[] = []
  for (let at = PUBLIC_LIST_HEADER_BYTES; at < bytes.length; at += ID_BYTES)
    ids.push(bytes.subarray(at, at + ID_BYTES))
  if (ids.length > MAX_PUBLIC_LIST_IDS) throw new MalformedError('a public list that is too long')
  for (let i = 1; i < ids.length; i++)
    if (compareBytes(ids[i - 1]!, ids[i]!) >= 0)
      throw new MalformedError('the ids of a public list rise strictly', { place: i })
  return ids
}
