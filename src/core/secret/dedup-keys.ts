/**
 * Where blob keys come from. Invariants:
 * - within a domain and epoch a key follows from codec and encrypted bytes alone: equal chunks become equal blobs, and one key
 *   never encrypts two different plaintexts.
 * - `privateKeys` never gives the same key twice, also for the same bytes.
 */
import { concatBytes } from '../open/bytes.ts'
import { BLOB_HEADER_BYTES, SEALED_BLOB_TYPE } from '../open/blobs/blob-id.ts'
import { UsageError } from '../open/errors.ts'
import { tagged, taggedHash } from '../open/hash.ts'
import { SUITE, ZERO_ID } from '../open/objects/suite.ts'
import type { Primitives } from '../open/primitives.ts'
import type { RandomSource } from '../open/random-source.ts'
import { encodeCbor } from '../open/schema.ts'

export interface DedupKeys {
  /** 32 bytes: the space's id, the member's, the pool's; zeros for private keys. */
  readonly domain: Uint8Array
  readonly epoch: number
  /** suite + "B" + H("domain", domain + epoch)[0..15], 18 bytes: in front of every blob of this domain and epoch. */
  readonly header: Uint8Array
  /** The 32-byte key for `bytes`, which were coded by `codec` and will be encrypted as they are. */
  blobKey(codec: number, bytes: Uint8Array): Uint8Array
}

const BLOB_CONTEXT = 'allmend/1 blob'
const SECRET_BYTES = 32
const GEAR_ENTRIES = 256
/** One array for each codec, instead of one for each blob. */
const CODEC_BYTES = Array.from({ length: 256 }, (_, codec) => Uint8Array.of(codec))

function uint64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new UsageError('an epoch is an integer from 0')
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out
}

/** The header of blobs of a domain (32 bytes) and deduplication epoch. */
export function blobHeader(primitives: Primitives, domain: Uint8Array, epoch: number): Uint8Array {
  if (domain.length !== SECRET_BYTES)
    throw new UsageError('a domain is named by 32 bytes', { length: domain.length })
  const header = new Uint8Array(BLOB_HEADER_BYTES)
  header[0] = SUITE
  header[1] = SEALED_BLOB_TYPE
  header.set(taggedHash(primitives, 'domain', concatBytes(domain, uint64(epoch))).subarray(0, 16), 2)
  return header
}

/** Keys of a domain whose 32-byte secret for this epoch its writers hold: a space's, a member's. */
export function domainDedupKeys(
  primitives: Primitives,
  secret: Uint8Array,
  domain: Uint8Array,
  epoch: number,
): DedupKeys {
  checkSecret(secret)
  const header = blobHeader(primitives, domain, epoch)
  const key = primitives.blake3DeriveKey(BLOB_CONTEXT, concatBytes(secret, header))
  return {
    domain,
    epoch,
    header,
    blobKey: (codec, bytes) => primitives.blake3Keyed(key, CODEC_BYTES[codec]!, bytes),
  }
}

/** Keys of a space's own domain, the default. */
export function spaceDedupKeys(
  primitives: Primitives,
  secret: Uint8Array,
  space: Uint8Array,
  epoch: number,
): DedupKeys {
  return domainDedupKeys(primitives, secret, space, epoch)
}

/** A new random key for every blob, also when the same one is sealed again: nothing is shared, nothing can be guessed. */
export function privateKeys(primitives: Primitives, random: RandomSource): DedupKeys {
  return {
    domain: ZERO_ID,
    epoch: 0,
    header: blobHeader(primitives, ZERO_ID, 0),
    blobKey: () => random.bytes(32),
  }
}

/**
 * The chunker's table, 256 values of 32 bits keyed by the domain's secret: HKDF-Expand(secret, "allmend/1/gear" + 0 +
 * CBOR([epoch]), 1024), little-endian. Without the secret chunk lengths say less about known files.
 */
export function gearTable(primitives: Primitives, secret: Uint8Array, epoch: number): Uint32Array {
  checkSecret(secret)
  const bytes = primitives.hkdfExpand(secret, tagged('gear', encodeCbor([epoch])), GEAR_ENTRIES * 4)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Uint32Array.from({ length: GEAR_ENTRIES }, (_, i) => view.getUint32(4 * i, true))
}

function checkSecret(secret: Uint8Array): void {
  if (secret.length !== SECRET_BYTES)
    throw new UsageError('a deduplication secret has 32 bytes', { length: secret.length })
}
