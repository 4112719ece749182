/**
 * Manifests: what a file version consists of, boxed under its ck (docs/spec/manifest.md). Invariants:
 * - chunks stand inline (at most 128) or in list blobs, never both; lengths sum to `size`, in each list to what is said of it.
 * - a reader can skip lists for a range, because each one's sum stands in the manifest.
 * - list blobs are sealed like chunks but under random keys, in the domain of zeros: their content never deduplicates.
 */
import { BLOB_OVERHEAD, MAX_BLOB_BYTES, MAX_BLOB_PLAINTEXT_BYTES } from '../open/blobs/blob-id.ts'
import { MalformedError } from '../open/errors.ts'
import { MAX_MANIFEST_BYTES } from '../open/objects/change.ts'
import { id } from '../open/objects/suite.ts'
import type { Primitives } from '../open/primitives.ts'
import type { RandomSource } from '../open/random-source.ts'
import type { ValueOf } from '../open/schema.ts'
import { array, bytes, codec, oneOf, struct, tuple, uint } from '../open/schema.ts'
import type { BlobRef, SealedBlob } from './blob.ts'
import { CODEC_STORED, CODEC_ZSTD, openBlob, sealBlob } from './blob.ts'
import { BOX_OVERHEAD, box, unbox } from './box.ts'
import type { VersionPlace } from './context.ts'
import { versionContext } from './context.ts'
import { privateKeys } from './dedup-keys.ts'
import type { NodeKeys } from './key-tree.ts'

export const MAX_INLINE_CHUNKS = 128
export const MAX_CHUNK_LISTS = 65_536
/** A chunk takes at most 80 bytes in a list, and a list's plaintext 1 MiB. */
export const MAX_LIST_CHUNKS = 13_000

/** A list blob: id, key, its own length (header, ciphertext, tag), and the file's bytes that its chunks hold. */
export interface ChunkListRef {
  readonly id: Uint8Array
  readonly key: Uint8Array
  readonly stored: number
  readonly bytes: number
}

export interface Manifest {
  /** Bytes of the file. */
  readonly size: number
  /** The deduplication domain, 32 bytes, and its epoch; zeros for private keys. */
  readonly domain: Uint8Array
  readonly dedupEpoch: number
  readonly chunks: readonly BlobRef[]
  readonly lists: readonly ChunkListRef[]
}

const chunkField = tuple(
  id,
  bytes(32),
  oneOf([CODEC_STORED, CODEC_ZSTD]),
  uint(MAX_BLOB_BYTES),
  uint(MAX_BLOB_PLAINTEXT_BYTES),
)
const listField = tuple(id, bytes(32), uint(MAX_BLOB_BYTES), uint())

const manifestCodec = codec(
  'manifest',
  struct({
    size: [0, uint()],
    domain: [1, id],
    dedupEpoch: [2, uint()],
    chunks: [3, array(chunkField, MAX_INLINE_CHUNKS)],
    lists: [4, array(listField, MAX_CHUNK_LISTS)],
  }),
  MAX_MANIFEST_BYTES - BOX_OVERHEAD,
)

const chunkListCodec = codec('chunk list', array(chunkField, MAX_LIST_CHUNKS), MAX_BLOB_PLAINTEXT_BYTES)

function sumChunks(chunks: readonly BlobRef[]): number {
  let sum = 0
  for (const { codec, stored, plain } of chunks) {
    const coded = stored - BLOB_OVERHEAD
    // A codec that enlarges is never chosen, so a length that says so is a lie.
    if (plain < 1 || coded < 1 || (codec === CODEC_STORED ? coded !== plain : coded >= plain))
      throw new MalformedError("a chunk whose lengths don't fit its codec", { codec, stored, plain })
    sum += plain
  }
  return sum
}

function checkManifest(manifest: Manifest): Manifest {
  const { chunks, lists, size } = manifest
  if (chunks.length > 0 && lists.length > 0)
    throw new MalformedError('a manifest holds chunks or lists, not both')
  let sum = sumChunks(chunks)
  for (const { stored, bytes } of lists) {
    if (stored <= BLOB_OVERHEAD || bytes < 1) throw new MalformedError('a manifest with an empty list')
    sum += bytes
  }
  if (sum !== size) throw new MalformedError("a manifest's lengths must sum to its size", { size, sum })
  return manifest
}

type ChunkWire = ValueOf<typeof chunkField>
const chunkToWire = ({ id, key, codec, stored, plain }: BlobRef): ChunkWire => [id, key, codec, stored, plain]
const chunkFromWire = ([id, key, codec, stored, plain]: ChunkWire): BlobRef => ({
  id,
  key,
  codec,
  stored,
  plain,
})

/** Throws MalformedError beyond the limits or when lengths don't sum. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { size, domain, dedupEpoch, chunks, lists } = checkManifest(manifest)
  return manifestCodec.encode({
    size,
    domain,
    dedupEpoch,
    chunks: chunks.map(chunkToWire),
    lists: lists.map(({ id, key, stored, bytes }) => [id, key, stored, bytes] as const),
  })
}

/** Throws MalformedError. */
export function decodeManifest(encoded: Uint8Array): Manifest {
  const { size, domain, dedupEpoch, chunks, lists } = manifestCodec.decode(encoded)
  return checkManifest({
    size,
    domain,
    dedupEpoch,
    chunks: chunks.map(chunkFromWire),
    lists: lists.map(([id, key, stored, bytes]) => ({ id, key, stored, bytes })),
  })
}

/** A manifest boxed under ck for one version of one node by one device; `salt` is 32 fresh random bytes. */
export function sealManifest(
  primitives: Primitives,
  keys: Pick<NodeKeys, 'ck'>,
  place: VersionPlace,
  manifest: Manifest,
  salt: Uint8Array,
): Uint8Array {
  return box(primitives, keys.ck, 'manifest', versionContext(place), encodeManifest(manifest), salt)
}

/** Throws UntrustedError for another key or place, MalformedError for what was boxed but isn't a manifest. */
export function openManifest(
  primitives: Primitives,
  keys: Pick<NodeKeys, 'ck'>,
  place: VersionPlace,
  boxed: Uint8Array,
): Manifest {
  return decodeManifest(unbox(primitives, keys.ck, 'manifest', versionContext(place), boxed))
}

/** The plaintext of a list blob: 1 to 13,000 chunks. */
export function encodeChunkList(chunks: readonly BlobRef[]): Uint8Array {
  sumChunks(chunks)
  if (chunks.length === 0) throw new MalformedError('a list of chunks is never empty')
  return chunkListCodec.encode(chunks.map(chunkToWire))
}

/** The chunks of a list that must hold `bytes` of the file; throws MalformedError. */
export function decodeChunkList(encoded: Uint8Array, bytes: number): BlobRef[] {
  const chunks = chunkListCodec.decode(encoded).map(chunkFromWire)
  const sum = sumChunks(chunks)
  if (chunks.length === 0 || sum !== bytes)
    throw new MalformedError("a list's lengths must sum to what its manifest says", { bytes, sum })
  return chunks
}

/** Seals a list of chunks under a fresh random key; `blob` is stored like any other, `ref` goes into the manifest. */
export function sealListBlob(
  primitives: Primitives,
  random: RandomSource,
  chunks: readonly BlobRef[],
): { readonly ref: ChunkListRef; readonly blob: SealedBlob } {
  const blob = sealBlob(primitives, privateKeys(primitives, random), encodeChunkList(chunks), {
    compress: false,
  })
  const bytes = chunks.reduce((sum, { plain }) => sum + plain, 0)
  return { ref: { id: blob.id, key: blob.key, stored: blob.stored, bytes }, blob }
}

/** The chunks of a received list blob; throws UntrustedError or MalformedError. */
export function openListBlob(primitives: Primitives, ref: ChunkListRef, bytes: Uint8Array): BlobRef[] {
  const { id, key, stored } = ref
  const plain = stored - BLOB_OVERHEAD
  return decodeChunkList(
    openBlob(primitives, { id, key, codec: CODEC_STORED, stored, plain }, bytes),
    ref.bytes,
  )
}
