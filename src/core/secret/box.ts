/**
 * The box: everything that is encrypted under a symmetric key, but blobs. Invariants:
 * - each box has its own random salt, hence its own AES key: there is no nonce that could repeat.
 * - the key commitment is compared before anything is decrypted: one box opens under one key only.
 * - tag and context are in the derivation: a box opens in the one place for which it was made.
 */
import { concatBytes, equalBytes } from '../open/bytes.ts'
import { UntrustedError, UsageError } from '../open/errors.ts'
import { tagged } from '../open/hash.ts'
import type { Primitives } from '../open/primitives.ts'
import { encodeCbor } from '../open/schema.ts'

export const BOX_KEY_BYTES = 32
export const BOX_SALT_BYTES = 32
const COMMITMENT_BYTES = 32
const TAG_BYTES = 16
export const BOX_OVERHEAD = BOX_SALT_BYTES + COMMITMENT_BYTES + TAG_BYTES

export type BoxTag = 'meta' | 'manifest' | 'back-m' | 'back-c' | 'keystore' | 'keystore-key' | 'cache'
type CborValue = number | string | Uint8Array | readonly CborValue[]
export type Context = readonly CborValue[]

const NO_AAD = new Uint8Array(0)

function derive(
  primitives: Primitives,
  key: Uint8Array,
  salt: Uint8Array,
  tag: BoxTag,
  context: Context,
): { commitment: Uint8Array; aesKey: Uint8Array } {
  if (key.length !== BOX_KEY_BYTES)
    throw new UsageError('the key of a box has 32 bytes', { length: key.length })
  const derived = primitives.hkdf(key, salt, tagged(tag, encodeCbor(context)), COMMITMENT_BYTES + 32)
  return {
    commitment: derived.subarray(0, COMMITMENT_BYTES),
    aesKey: derived.subarray(COMMITMENT_BYTES),
  }
}

/** Salt + commitment + ciphertext + tag. `salt` is 32 fresh random bytes, never used for another box. */
export function box(
  primitives: Primitives,
  key: Uint8Array,
  tag: BoxTag,
  context: Context,
  plaintext: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  if (salt.length !== BOX_SALT_BYTES)
    throw new UsageError('the salt of a box has 32 bytes', { length: salt.length })
  const { commitment, aesKey } = derive(primitives, key, salt, tag, context)
  return primitives.gcmSeal(aesKey, NO_AAD, plaintext, concatBytes(salt, commitment))
}

/** The plaintext; throws UntrustedError unless key, tag, context and every byte fit. */
export function unbox(
  primitives: Primitives,
  key: Uint8Array,
  tag: BoxTag,
  context: Context,
  boxed: Uint8Array,
): Uint8Array {
  if (boxed.length < BOX_OVERHEAD) throw new UntrustedError(`a ${tag} box that is cut short`, { tag })
  const salt = boxed.subarray(0, BOX_SALT_BYTES)
  const { commitment, aesKey } = derive(primitives, key, salt, tag, context)
  const start = BOX_SALT_BYTES + COMMITMENT_BYTES
  if (!equalBytes(boxed.subarray(BOX_SALT_BYTES, start), commitment))
    throw new UntrustedError(`a ${tag} box for another key or place`, { tag })
  const plaintext = primitives.gcmOpen(aesKey, NO_AAD, boxed.subarray(start))
  if (plaintext === undefined) throw new UntrustedError(`a ${tag} box whose content was changed`, { tag })
  return plaintext
}
