/**
 * A signed object on the wire: its exact bytes and an Ed25519 signature over "allmend/1/" + tag + 0 + pool + bytes.
 * The received bytes are verified first and parsed after; nothing is ever re-encoded to check a signature.
 */
import { UntrustedError } from '../errors.ts'
import { signedBytes } from '../hash.ts'
import type { Primitives } from '../primitives.ts'
import type { Codec, Field } from '../schema.ts'
import { bytesUpTo, tuple } from '../schema.ts'
import { signature } from './suite.ts'

export type SignatureTag =
  | 'operation'
  | 'member'
  | 'certificate'
  | 'certificate-device'
  | 'admit'
  | 'provider-invite'
  | 'ledger-binding'
  | 'witness-vote'
  | 'provider'
  | 'ticket'
  | 'offline-ticket'
  | 'promise'

export type Signed = readonly [body: Uint8Array, signature: Uint8Array]

export function signedField(maxBytes: number): Field<Signed> {
  return tuple(bytesUpTo(maxBytes), signature)
}

export function signObject<T>(
  primitives: Primitives,
  tag: SignatureTag,
  pool: Uint8Array,
  seed: Uint8Array,
  codec: Codec<T>,
  value: T,
): Signed {
  const body = codec.encode(value)
  return [body, primitives.ed25519Sign(seed, signedBytes(tag, pool, body))]
}

/** Verifies, then parses; throws UntrustedError for a wrong signature, MalformedError for what was signed but isn't the format. */
export function openSigned<T>(
  primitives: Primitives,
  tag: SignatureTag,
  pool: Uint8Array,
  signer: Uint8Array,
  codec: Codec<T>,
  [body, signatureBytes]: Signed,
): T {
  if (!primitives.ed25519Verify(signer, signedBytes(tag, pool, body), signatureBytes))
    throw new UntrustedError(`the signature of this ${tag} is wrong`, { tag })
  return codec.decode(body)
}
